// Carries out a plan of kernels on the CPU: emulator JOB RESULT ORDER WORKERS SEED MUTANT. The job, written by __init__.py,
// holds the buffers and the launches with their arguments.
#include "emulator.h"

#include <fstream>
#include <map>
#include <stdexcept>
#include <tuple>

#include "kernels.cu"

namespace {

struct Argument {
  char kind;  // p: buffer and offset, or none; i, f, d, q: a number
  uint32_t buffer;
  uint64_t bits;
};
struct Launch {
  std::string kernel;
  dim3 grid, block;
  uint32_t cluster, shared;
  std::vector<Argument> arguments;
};
using Buffers = std::vector<std::unique_ptr<float4[]>>;

template <class T>
T value_of(const Argument& argument, char kind) {
  if (argument.kind != kind) throw std::runtime_error(std::string("argument of kind ") + argument.kind + ", not " + kind);
  T value;
  std::memcpy(&value, &argument.bits, sizeof value);
  return value;
}
template <class T>
T decode(const Argument& argument, const Buffers& buffers) {
  if constexpr (std::is_pointer_v<T>) {
    if (argument.kind != 'p') throw std::runtime_error("a pointer is missing");
    if (argument.buffer == ~0u) return nullptr;
    return reinterpret_cast<T>(reinterpret_cast<char*>(buffers[argument.buffer].get()) + argument.bits);
  } else if constexpr (std::is_same_v<T, int>) {
    return value_of<int>(argument, 'i');
  } else if constexpr (std::is_same_v<T, float>) {
    return value_of<float>(argument, 'f');
  } else if constexpr (std::is_same_v<T, double>) {
    return value_of<double>(argument, 'd');
  } else {
    return value_of<T>(argument, 'q');
  }
}

struct Options {
  emulator::Order order;
  int workers;
  unsigned seed;
};
template <class... A, size_t... I>
int call(void (*kernel)(A...), const Launch& launch, const Buffers& buffers, const Options& options,
         std::index_sequence<I...>) {
  if (launch.arguments.size() != sizeof...(A)) throw std::runtime_error(launch.kernel + ": wrong number of arguments");
  const std::tuple<A...> arguments{decode<A>(launch.arguments[I], buffers)...};
  return emulator::launch(launch.grid, launch.block, launch.cluster, launch.shared, options.workers, options.order,
                          options.seed, [=] { std::apply(kernel, arguments); });
}
template <class... A>
auto runner(void (*kernel)(A...)) {
  return [=](const Launch& launch, const Buffers& buffers, const Options& options) {
    return call(kernel, launch, buffers, options, std::index_sequence_for<A...>{});
  };
}

std::ifstream job;
template <class T>
T take() {
  T value;
  job.read(reinterpret_cast<char*>(&value), sizeof value);
  if (!job) throw std::runtime_error("the job ends early");
  return value;
}
dim3 take_size() {
  dim3 size;
  size.x = take<uint32_t>(), size.y = take<uint32_t>(), size.z = take<uint32_t>();
  return size;
}

}  // namespace

int main(int, char** words) {
  const std::map<std::string, std::function<int(const Launch&, const Buffers&, const Options&)>> kernels{
#define KERNEL(name) {#name, runner(name)},
      KERNELS
#undef KERNEL
  };
  const Options options{static_cast<emulator::Order>(std::atoi(words[3])), std::atoi(words[4]),
                        static_cast<unsigned>(std::atoi(words[5]))};
  emulator::mutant = std::atoi(words[6]);
  try {
    job.open(words[1], std::ios::binary);
    Buffers buffers;
    std::vector<uint64_t> sizes;
    for (uint32_t left = take<uint32_t>(); left; --left) {
      const auto bytes = take<uint64_t>();
      const auto content = take<char>();  // n: NaN, z: zeros, d: data follows
      sizes.push_back(bytes);
      buffers.emplace_back(new float4[(bytes + 15) / 16]);
      std::memset(buffers.back().get(), content == 'z' ? 0 : 0xff, bytes);
      if (content == 'd') job.read(reinterpret_cast<char*>(buffers.back().get()), bytes);
    }
    const auto result = take<uint32_t>();
    for (uint32_t left = take<uint32_t>(); left; --left) {
      Launch launch;
      launch.kernel.resize(take<uint32_t>());
      job.read(launch.kernel.data(), launch.kernel.size());
      launch.grid = take_size(), launch.block = take_size();
      launch.cluster = take<uint32_t>(), launch.shared = take<uint32_t>();
      for (uint32_t n = take<uint32_t>(); n; --n) {
        Argument argument{};
        argument.kind = take<char>(), argument.buffer = take<uint32_t>(), argument.bits = take<uint64_t>();
        launch.arguments.push_back(argument);
      }
      if (kernels.at(launch.kernel)(launch, buffers, options)) {
        std::fprintf(stderr, "in %s\n", launch.kernel.c_str());
        return 1;
      }
    }
    std::ofstream(words[2], std::ios::binary).write(reinterpret_cast<char*>(buffers[result].get()), sizes[result]);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "emulator: %s\n", error.what());
    return 2;
  }
  return 0;
}
