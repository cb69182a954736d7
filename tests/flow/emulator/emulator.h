// CUDA C++ on the CPU, one fiber per CUDA thread: what tvl1.cu needs of the language, strict where hardware is lenient.
//
// A worker runs one cluster of blocks at a time (a lone block is a cluster of one). Its fibers run one after the other,
// each until it waits: at a barrier of its block or cluster, or in a warp primitive. Whoever waits goes on only when
// all whom it waits for are there; if nobody can go on, or a thread has left that others wait for, that is an error
// with the block's number. Whoever waits at a door for bytes that other blocks send goes on when all have come; what is
// sent is there at once, so that it overwrites what somebody should have read before. Shared memory holds NaNs when a block starts and is allocated exactly, so AddressSanitizer
// sees an access beyond it. A result that depends on the order in which fibers run is a missing barrier: run all
// orders. Textures, half precision and the memory model of the hardware are not here, and neither are its approximate
// division and square root.
#pragma once
#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>
#if !defined(__x86_64__)
#include <ucontext.h>
#endif

struct alignas(16) float4 {
  float x, y, z, w;
};
struct dim3 {
  unsigned x = 1, y = 1, z = 1;
};

namespace emulator {

enum class State { READY, BLOCK, CLUSTER, WARP, DOOR, DONE };
enum class Order { FORWARD, BACKWARD, RANDOM };

// ------------------------------------------------------------------------------------------------------------- fibers
#if defined(__x86_64__)
// Saves the callee's registers on the stack it leaves and takes those from the stack it enters.
extern "C" void emulator_switch(void** left, void* entered);
asm(R"(
  .text
  .weak emulator_switch
emulator_switch:
  push %rbp; push %rbx; push %r12; push %r13; push %r14; push %r15
  mov %rsp, (%rdi)
  mov %rsi, %rsp
  pop %r15; pop %r14; pop %r13; pop %r12; pop %rbx; pop %rbp
  ret
)");
struct Context {
  void* stack = nullptr;
  void start(char* memory, size_t size, void (*entry)()) {
    void** top = reinterpret_cast<void**>((reinterpret_cast<uintptr_t>(memory) + size) & ~uintptr_t(63));
    *--top = nullptr;  // so that the stack is aligned as after a call
    *--top = reinterpret_cast<void*>(entry);
    for (int i = 0; i < 6; ++i) *--top = nullptr;
    stack = top;
  }
  void enter(Context& other) { emulator_switch(&stack, other.stack); }
};
#else
struct Context {
  ucontext_t context;
  void start(char* memory, size_t size, void (*entry)()) {
    getcontext(&context);
    context.uc_stack.ss_sp = memory;
    context.uc_stack.ss_size = size;
    context.uc_link = nullptr;
    makecontext(&context, entry, 0);
  }
  void enter(Context& other) { swapcontext(&context, &other.context); }
};
#endif

constexpr size_t STACK = 64 << 10;

struct Fiber {
  Context context;
  State state = State::READY;
  dim3 thread;
  unsigned block = 0;  // within the cluster
  uint32_t slot = 0;   // what a warp primitive hands over
  float4* door = nullptr;
  unsigned parity = 0;  // of the time that is waited for there
};

struct Block {
  dim3 index;
  std::unique_ptr<float4[]> shared;
  size_t bytes = 0;
  bool started = false;
  unsigned live = 0;
};

struct Cluster {
  std::vector<Fiber> fibers;
  std::unique_ptr<char[]> stacks;  // not cleared: most pages are never touched
  std::vector<Block> blocks;
  std::function<void()> body;
  Context scheduler;
  std::vector<unsigned> ready;  // warps, by the first fiber's number; sorted
  unsigned current = 0;
  std::string error;
};

inline thread_local Cluster* cluster = nullptr;
inline int mutant = -1;  // which one runs, where the source has any
inline dim3 grid_size, block_size;

inline Fiber& fiber() { return cluster->fibers[cluster->current]; }
inline Block& block() { return cluster->blocks[fiber().block]; }

inline void wait_in(State state) {
  Fiber& mine = fiber();
  mine.state = state;
  mine.context.enter(cluster->scheduler);
}
[[noreturn]] inline void leave(const std::string& error) {
  cluster->error = error;
  wait_in(State::DONE);
  std::abort();
}
inline void run_fiber() {
  Block& mine = block();
  if (!mine.started) {  // what others wrote here before is lost, as it would be on the GPU
    std::memset(mine.shared.get(), 0xff, mine.bytes);
    mine.started = true;
  }
  cluster->body();
  --block().live;
  wait_in(State::DONE);
  std::abort();
}

inline void make_ready(Cluster& c, unsigned warp) {
  const auto place = std::lower_bound(c.ready.begin(), c.ready.end(), warp);
  if (place == c.ready.end() || *place != warp) c.ready.insert(place, warp);
}

// Runs one cluster; returns what went wrong, or nothing. One warp at a time runs until all its lanes wait; the next is
// the first, the last or any that can go on, so that one warp or block gets as far ahead of the others as barriers let it.
inline std::string run(Cluster& c, unsigned threads, Order order, std::mt19937& random) {
  const unsigned total = c.fibers.size();
  std::vector<unsigned>& ready = c.ready;
  ready.clear();
  const auto end_of = [&](unsigned warp) { return std::min(warp + 32, warp / threads * threads + threads); };
  const auto every = [&](unsigned from, unsigned to, State state) {
    for (unsigned i = from; i < to; ++i)
      if (c.fibers[i].state != state) return false;
    return true;
  };
  const auto release = [&](unsigned from, unsigned to) {
    for (unsigned i = from; i < to; ++i) c.fibers[i].state = State::READY;
    for (unsigned block = from / threads * threads; block < to; block += threads)
      for (unsigned warp = std::max(from, block); warp < std::min(block + threads, to); warp += 32)
        make_ready(c, warp);
  };
  release(0, total);
  while (!ready.empty()) {
    const size_t turn = order == Order::FORWARD    ? 0
                        : order == Order::BACKWARD ? ready.size() - 1
                                                   : random() % ready.size();
    const unsigned warp = ready[turn], end = end_of(warp), lanes = end - warp;
    ready.erase(ready.begin() + turn);
    for (unsigned k = 0; k < lanes; ++k) {
      const unsigned i = order == Order::BACKWARD ? end - 1 - k : warp + k;
      if (c.fibers[i].state != State::READY) continue;
      c.current = i;
      c.scheduler.enter(c.fibers[i].context);
      if (!c.error.empty()) return c.error;
    }
    const unsigned block = warp / threads * threads;
    if (every(warp, end, State::WARP))
      release(warp, end);
    else if (every(block, block + threads, State::BLOCK))
      release(block, block + threads);
    else if (every(0, total, State::CLUSTER))
      release(0, total);
  }
  return every(0, total, State::DONE) ? "" : "threads wait for others that never come";
}

template <class Body>
int launch(dim3 grid, dim3 block, unsigned blocks_per_cluster, size_t shared, int workers, Order order, unsigned seed,
           Body body) {
  grid_size = grid;
  block_size = block;
  const unsigned threads = block.x * block.y * block.z, clusters = grid.x * grid.y * grid.z / blocks_per_cluster;
  std::atomic<unsigned> next{0};
  std::atomic<bool> failed{false};
  const auto work = [&] {
    std::mt19937 random(seed);
    Cluster c;
    cluster = &c;
    c.body = body;
    c.blocks.resize(blocks_per_cluster);
    c.fibers.resize(blocks_per_cluster * threads);
    c.stacks.reset(new char[c.fibers.size() * STACK]);
    for (unsigned k; !failed && (k = next++) < clusters;) {
      const unsigned rows = grid.y / blocks_per_cluster;  // clusters stand in y direction
      for (unsigned b = 0; b < blocks_per_cluster; ++b) {
        Block& mine = c.blocks[b];
        mine.index = {k % grid.x, k / grid.x % rows * blocks_per_cluster + b, k / (grid.x * rows)};
        mine.shared.reset(new float4[(shared + 15) / 16]);
        mine.bytes = (shared + 15) / 16 * 16;
        mine.started = false;
        mine.live = threads;
        for (unsigned t = 0; t < threads; ++t) {
          Fiber& f = c.fibers[b * threads + t];
          f.thread = {t % block.x, t / block.x % block.y, t / (block.x * block.y)};
          f.block = b;
          f.state = State::READY;
          f.context.start(&c.stacks[(b * threads + t) * STACK], STACK, run_fiber);
        }
      }
      const std::string error = run(c, threads, order, random);
      if (!error.empty()) {
        std::fprintf(stderr, "cluster %u: %s\n", k, error.c_str());
        failed = true;
      }
    }
    cluster = nullptr;
  };
  std::vector<std::thread> others;
  for (int i = 1; i < workers; ++i) others.emplace_back(work);
  work();
  for (auto& other : others) other.join();
  return failed;
}

// Hands a word to another lane of the warp; every lane must take part.
inline uint32_t exchange(uint32_t word, unsigned lane) {
  fiber().slot = word;
  wait_in(State::WARP);
  const unsigned first = fiber().block * block_size.x * block_size.y * block_size.z;
  const unsigned warp = first + (cluster->current - first) / 32 * 32;
  const uint32_t result = cluster->fibers[warp + lane].slot;
  wait_in(State::WARP);  // nobody may overwrite its word before all have read
  return result;
}
inline unsigned lane() { return (cluster->current - fiber().block * block_size.x * block_size.y * block_size.z) % 32; }

}  // namespace emulator

#define AMCLIP_EMULATED
#define threadIdx (emulator::fiber().thread)
#define blockIdx (emulator::block().index)
#define blockDim (emulator::block_size)
#define gridDim (emulator::grid_size)
#define __global__
#define __device__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define SHARED_MEMORY(name) float4* const name = emulator::block().shared.get()

using std::max;
using std::min;

inline void __syncthreads() { emulator::wait_in(emulator::State::BLOCK); }
inline float __shfl_xor_sync(unsigned, float value, unsigned mask) {
  uint32_t word;
  std::memcpy(&word, &value, 4);
  word = emulator::exchange(word, emulator::lane() ^ mask);
  std::memcpy(&value, &word, 4);
  return value;
}
inline bool __any_sync(unsigned, bool predicate) {
  emulator::fiber().slot = predicate;
  emulator::wait_in(emulator::State::WARP);
  const unsigned warp = emulator::cluster->current - emulator::lane();
  bool result = false;
  for (unsigned i = 0; i < 32; ++i) result |= emulator::cluster->fibers[warp + i].slot != 0;
  emulator::wait_in(emulator::State::WARP);
  return result;
}
inline unsigned cluster_rank() { return emulator::fiber().block; }
inline void cluster_wait() { emulator::wait_in(emulator::State::CLUSTER); }

// A door, in the 16 bytes of a float4: bytes that are still to come, those that must be announced, times it was passed.
struct Door {
  int32_t bytes, unannounced;
  uint32_t passed, open;
};
inline Door& door_at(float4* place) {
  Door& door = *reinterpret_cast<Door*>(place);
  if (door.open != 0xd00d) emulator::leave("a door was used that is not open");
  return door;
}
// Once all that was announced is there, the door is passed, and those who wait for that go on.
inline void try_to_pass(float4* place, unsigned block) {
  Door& door = door_at(place);
  if (door.bytes || door.unannounced) return;
  door.unannounced = 1;
  const unsigned parity = door.passed++ & 1;
  emulator::Cluster& c = *emulator::cluster;
  const unsigned threads = emulator::block_size.x * emulator::block_size.y * emulator::block_size.z;
  for (unsigned i = block * threads; i < (block + 1) * threads; ++i) {
    emulator::Fiber& fiber = c.fibers[i];
    if (fiber.state != emulator::State::DOOR || fiber.door != place || fiber.parity != parity) continue;
    fiber.state = emulator::State::READY;
    emulator::make_ready(c, i - (i - block * threads) % 32);
  }
}
inline void open_door(float4* place) { *reinterpret_cast<Door*>(place) = {0, 1, 0, 0xd00d}; }
inline void expect(float4* place, unsigned bytes) {
  Door& door = door_at(place);
  if (!door.unannounced--) emulator::leave("more was announced at a door before what was is there");
  door.bytes += bytes;
  try_to_pass(place, emulator::fiber().block);
}
inline void wait_at(float4* place, unsigned parity) {
  if ((door_at(place).passed & 1) != parity) return;
  emulator::fiber().door = place, emulator::fiber().parity = parity;
  emulator::wait_in(emulator::State::DOOR);
}
inline void send(unsigned rank, float4* here, float4* door, float4 value) {
  emulator::Block& other = emulator::cluster->blocks.at(rank);
  if (!other.live) emulator::leave("a block sent something to one that has ended");
  float4* const mine = emulator::block().shared.get();
  other.shared[here - mine] = value;
  float4* const theirs = other.shared.get() + (door - mine);
  door_at(theirs).bytes -= sizeof value;
  try_to_pass(theirs, rank);
}
