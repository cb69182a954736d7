// TV-L1 optical flow on the GPU: the stages of reference.py in single precision. _plan.py says which kernels run, in
// which order and how large; this file says what one of them does.
//
// Every kernel works on a batch of pairs, the pair being the last dimension of the grid, and on nothing but its own
// pair, so a pair's flow does not depend on what it is computed with. The compiler may not contract a * b + c (the
// build says so): where a fused multiply-add is meant it is written, so that two instances of one template, masked
// and not, give the same bits.
//
// Fields lie row after row with a pitch that is a multiple of 4, so that four neighbours are one 16-byte access. Rows of
// images begin where their memory begins; rows of data, flow and dual end where it ends. What the up to three words
// before hold is undefined: whoever reads them must select.
//
//   images   (pairs, 2, H, pitch)       grey levels of a level
//   texels   (pairs, H, W) float4       second image, its centred gradient x and y, 0
//   data     (pairs, 4, H, pitch)       direction of the gradient x, y, constant / |gradient|, |gradient| (all 0 where
//                                       there is none)
//   flow     (pairs, 2, 2, H, pitch)    two slots of u, v, since a step reads its neighbours' old values
//   dual     (pairs, 2, 4, H, pitch)    two slots of theta times the dual field: ux, uy, vx, vy
//   control  (pairs, 4) int             with early stop only: slots in use, running, iterations to repeat, and whether
//                                       those are the first of a level
//
// Which slot is the current one the plan knows, unless pairs may stop by themselves: then `control` has it per pair
// (bit 0 the flow's, bit 1 the dual field's). A slot of flow or dual field has room for the finest level, and its
// size is the stride from slot to slot, on every level: pairs in different slots must not reach into each other.

#ifndef AMCLIP_EMULATED
#define SHARED_MEMORY(name) extern __shared__ float4 name[]

__device__ __forceinline__ unsigned cluster_rank() {
  unsigned rank;
  asm("mov.u32 %0, %%cluster_ctarank;" : "=r"(rank));
  return rank;
}
// Blocks of a cluster wait for each other; what they wrote to each other's shared memory is then visible.
__device__ __forceinline__ void cluster_wait() {
  asm volatile("barrier.cluster.arrive.release.aligned;\n\tbarrier.cluster.wait.acquire.aligned;" ::: "memory");
}
// A door in shared memory, one mbarrier: blocks send words through it, and threads wait at it for all the bytes that are
// expected. It is passed again and again; `parity` says whether the time waited for is an even or an odd one.
__device__ __forceinline__ unsigned shared_address(const float4* here) {
  return static_cast<unsigned>(__cvta_generic_to_shared(here));
}
__device__ __forceinline__ void open_door(float4* door) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], 1;" ::"r"(shared_address(door)) : "memory");
  asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
}
__device__ __forceinline__ void expect(float4* door, unsigned bytes) {
  asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(shared_address(door)), "r"(bytes)
               : "memory");
}
// The scope stays the default: one of the cluster would empty the L1 cache, where shared memory does not lie.
__device__ __forceinline__ void wait_at(float4* door, unsigned parity) {
  asm volatile(
      "{\n\t.reg .pred there;\n"
      "again:\n\tmbarrier.try_wait.parity.shared::cta.b64 there, [%0], %1;\n\t@!there bra again;\n\t}" ::"r"(
          shared_address(door)),
      "r"(parity)
      : "memory");
}
// Store to the place in another block's shared memory that `here` has in this one's, through its door.
__device__ __forceinline__ void send(unsigned rank, float4* here, float4* door, float4 value) {
  unsigned there, theirs;
  asm("mapa.shared::cluster.u32 %0, %1, %2;" : "=r"(there) : "r"(shared_address(here)), "r"(rank));
  asm("mapa.shared::cluster.u32 %0, %1, %2;" : "=r"(theirs) : "r"(shared_address(door)), "r"(rank));
  asm volatile("st.async.shared::cluster.mbarrier::complete_tx::bytes.v4.f32 [%0], {%1, %2, %3, %4}, [%5];" ::"r"(there),
               "f"(value.x), "f"(value.y), "f"(value.z), "f"(value.w), "r"(theirs)
               : "memory");
}
#endif

enum Control { SLOTS, RUNNING, REPEAT, FIRST, CONTROL_FIELDS };
enum { FLOW_SLOT = 1, DUAL_SLOT = 2 };

__device__ __forceinline__ int slots_of(const int* control, int pair, int fixed) {
  return control ? control[pair * CONTROL_FIELDS + SLOTS] : fixed;
}
__device__ __forceinline__ bool rests(const int* control, int pair) {
  return control && !control[pair * CONTROL_FIELDS + RUNNING];
}
// Where a slot of a pair begins; `stride` is the floats of a slot.
__device__ __forceinline__ float* in_slot(float* fields, size_t pair, int slot, size_t stride) {
  return fields + (2 * pair + (slot ? 1 : 0)) * stride;
}

// ------------------------------------------------------------------------------------------------ images and pyramid

// Pixels to grey levels in [0, 255]: BT.601 weights as in tvl1.py's grey_levels, in the same order of additions.
template <class Pixel>
__device__ __forceinline__ void grey(const Pixel* pixels, float* images, int channels, int width, int height, int pitch,
                                     float scale) {
  const int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y;
  if (x >= width || y >= height) return;
  const size_t plane = (size_t)width * height, image = blockIdx.z;
  const Pixel* at = pixels + image * channels * plane + (size_t)y * width + x;
  float level = (float)at[0] * scale;
  if (channels == 3)
    level = (0.299f * level + 0.587f * ((float)at[plane] * scale)) + 0.114f * ((float)at[2 * plane] * scale);
  images[(image * height + y) * pitch + x] = level;
}
extern "C" __global__ void __launch_bounds__(256)
grey_from_bytes(const unsigned char* pixels, float* images, int channels, int width, int height, int pitch) {
  grey(pixels, images, channels, width, height, pitch, 1.f);
}
extern "C" __global__ void __launch_bounds__(256)
grey_from_floats(const float* pixels, float* images, int channels, int width, int height, int pitch) {
  grey(pixels, images, channels, width, height, pitch, 255.f);
}

// Two samples and the weight of the second, for linear interpolation with half-pixel centres (reference.resize).
// Positions in double precision, as there: at a level's far end single precision would be off by a thousandth.
struct Taps {
  int near, far;
  float weight;
};
__device__ __forceinline__ Taps linear_taps(int place, double stride, int length) {
  const double position = fmin(fmax((place + 0.5) * stride - 0.5, 0.0), (double)(length - 1));
  const int near = (int)position;
  return {near, min(near + 1, length - 1), (float)(position - near)};
}
__device__ __forceinline__ float interpolate(const float* image, Taps x, Taps y, int pitch) {
  const float *top = image + (size_t)y.near * pitch, *bottom = image + (size_t)y.far * pitch;
  const float upper = top[x.near] * (1.f - x.weight) + top[x.far] * x.weight;
  const float lower = bottom[x.near] * (1.f - x.weight) + bottom[x.far] * x.weight;
  return upper * (1.f - y.weight) + lower * y.weight;
}

// A level from the finer one; both images of a pair are images of their own here.
extern "C" __global__ void __launch_bounds__(256)
downscale(const float* fine, float* coarse, int fine_width, int fine_height, int fine_pitch, int width, int height,
          int pitch, double stride) {
  const int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y;
  if (x >= width || y >= height) return;
  const size_t image = blockIdx.z;
  coarse[(image * height + y) * pitch + x] =
      interpolate(fine + image * fine_height * fine_pitch, linear_taps(x, stride, fine_width),
                  linear_taps(y, stride, fine_height), fine_pitch);
}

// The flow of a coarser level in a finer one's pixels, into the other slot; zeros where there is no coarser level
// (coarse_width 0). With `result` the flow goes there, without padding, and no slot changes.
extern "C" __global__ void __launch_bounds__(256)
upsample(float* flow, float* result, int* control, int slots, unsigned long long slot_stride, int coarse_width,
         int coarse_height, int coarse_pitch, int width, int height, int pitch, double stride_x, double stride_y,
         float factor) {
  const int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y;
  const int pair = blockIdx.z;
  const int slot = slots_of(control, pair, slots) & FLOW_SLOT;
  if (x >= width || y >= height) return;
  for (int field = 0; field < 2; ++field) {
    float value = 0.f;
    if (coarse_width) {
      const float* coarse = in_slot(flow, pair, slot, slot_stride) + (size_t)field * coarse_height * coarse_pitch +
                            (coarse_pitch - coarse_width);
      value = factor * interpolate(coarse, linear_taps(x, stride_x, coarse_width),
                                   linear_taps(y, stride_y, coarse_height), coarse_pitch);
    }
    float* to = result ? result + (size_t)pair * 2 * height * pitch : in_slot(flow, pair, !slot, slot_stride);
    to[((size_t)field * height + y) * pitch + (pitch - width) + x] = value;
  }
}

// The second image with its centred gradient; the border repeats, so the gradient is one-sided and halved there.
extern "C" __global__ void __launch_bounds__(256)
make_texels(const float* images, float4* texels, int width, int height, int pitch) {
  const int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y;
  if (x >= width || y >= height) return;
  const size_t pair = blockIdx.z;
  const float* image = images + (pair * 2 + 1) * height * pitch;
  const float *row = image + (size_t)y * pitch, *above = image + (size_t)max(y - 1, 0) * pitch,
              *below = image + (size_t)min(y + 1, height - 1) * pitch;
  float4 texel;
  texel.x = row[x];
  texel.y = 0.5f * (row[min(x + 1, width - 1)] - row[max(x - 1, 0)]);
  texel.z = 0.5f * (below[x] - above[x]);
  texel.w = 0.f;
  texels[(pair * height + y) * width + x] = texel;
}

// ----------------------------------------------------------------------------------------------------- linearisation

// Keys' cubic kernel with OpenCV's A = -0.75 (reference.cubic_weights); taps outside [0, length) weigh nothing.
struct Cubic {
  int first;
  float weight[4];
};
__device__ __forceinline__ Cubic cubic_taps(float position, int length) {
  position = fminf(fmaxf(position, -3.f), (float)(length + 1));  // from there on every tap is outside
  const float before = floorf(position), a = -0.75f;
  const float fraction = position - before, after = 1.f - fraction, far = fraction + 1.f;
  Cubic taps;
  taps.first = (int)before - 1;
  taps.weight[0] = ((a * far - 5.f * a) * far + 8.f * a) * far - 4.f * a;
  taps.weight[1] = ((a + 2.f) * fraction - (a + 3.f)) * fraction * fraction + 1.f;
  taps.weight[2] = ((a + 2.f) * after - (a + 3.f)) * after * after + 1.f;
  taps.weight[3] = 1.f - taps.weight[0] - taps.weight[1] - taps.weight[2];
#pragma unroll
  for (int i = 0; i < 4; ++i)
    if (taps.first + i < 0 || taps.first + i >= length) taps.weight[i] = 0.f;
  return taps;
}

// Twin of reference.linearise: warps the texels by the flow and leaves what the iterations need in `data`.
extern "C" __global__ void __launch_bounds__(256)
linearise(const float* images, const float4* texels, float* flow, float* data, int* control, int slots,
          unsigned long long slot_stride, int width, int height, int pitch) {
  const int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y;
  const size_t pair = blockIdx.z, plane = (size_t)height * pitch;
  const size_t at = (size_t)y * pitch + (pitch - width) + x;
  const int slot = slots_of(control, pair, slots) & FLOW_SLOT;
  if (control && blockIdx.x == 0 && blockIdx.y == 0 && threadIdx.x == 0 && threadIdx.y == 0)
    control[pair * CONTROL_FIELDS + RUNNING] = 1;  // a warp begins; no block of this kernel reads it
  if (x >= width || y >= height) return;
  const float* now = in_slot(flow, pair, slot, slot_stride) + at;
  const float u = now[0], v = now[plane];
  const Cubic across = cubic_taps((float)x + u, width), down = cubic_taps((float)y + v, height);
  const float4* second = texels + pair * height * width;
  float image = 0.f, gradient_x = 0.f, gradient_y = 0.f;
#pragma unroll
  for (int j = 0; j < 4; ++j) {
    const float4* row = second + (size_t)min(max(down.first + j, 0), height - 1) * width;
    float a = 0.f, b = 0.f, c = 0.f;
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const float4 texel = row[min(max(across.first + i, 0), width - 1)];
      a = fmaf(across.weight[i], texel.x, a);
      b = fmaf(across.weight[i], texel.y, b);
      c = fmaf(across.weight[i], texel.z, c);
    }
    image = fmaf(down.weight[j], a, image);
    gradient_x = fmaf(down.weight[j], b, gradient_x);
    gradient_y = fmaf(down.weight[j], c, gradient_y);
  }
  const float square = gradient_x * gradient_x + gradient_y * gradient_y;
  const bool textured = square > 1.1920929e-7f;  // single precision's epsilon, as in tvl1flow.cpp
  const float length = textured ? sqrtf(square) : 0.f, inverse = textured ? 1.f / length : 0.f;
  const float first = images[(pair * 2 * height + y) * pitch + x];
  float* out = data + pair * 4 * plane + at;
  out[0] = gradient_x * inverse;
  out[plane] = gradient_y * inverse;
  out[2 * plane] = (((image - gradient_x * u) - gradient_y * v) - first) * inverse;
  out[3 * plane] = length;
}

// ------------------------------------------------------------------------------------------------------------ median

#define EXCHANGE(low, high) { const float a = v[low], b = v[high]; v[low] = fminf(a, b); v[high] = fmaxf(a, b); }

// Median over SIDE x SIDE, border repeated, from one slot of the flow to the other. A thread makes four neighbours, so
// that a column is sorted once for up to four squares. The networks come from _networks.py.
template <int SIDE>
__device__ __forceinline__ void median(float* flow, const int* control, int slots, unsigned long long slot_stride,
                                       int width, int height, int pitch) {
  constexpr int HALF = SIDE / 2, COLUMNS = 4 + SIDE - 1, THREADS_X = 32, THREADS_Y = 8;
  constexpr int TILE_X = 4 * THREADS_X + 2 * HALF, TILE_Y = THREADS_Y + 2 * HALF;  // _plan.py allots them
  const int pair = blockIdx.z;
  if (rests(control, pair)) return;
  const int slot = slots_of(control, pair, slots) & FLOW_SLOT;
  const size_t plane = (size_t)height * pitch;
  const int left = blockIdx.x * 4 * THREADS_X, top = blockIdx.y * THREADS_Y;
  SHARED_MEMORY(memory);
  float* const tile = reinterpret_cast<float*>(memory);
  for (int field = 0; field < 2; ++field) {
    const float* from = in_slot(flow, pair, slot, slot_stride) + field * plane + (pitch - width);
    float* to = in_slot(flow, pair, !slot, slot_stride) + field * plane + (pitch - width);
    for (int i = threadIdx.y * THREADS_X + threadIdx.x; i < TILE_Y * TILE_X; i += THREADS_X * THREADS_Y) {
      const int x = min(max(left + i % TILE_X - HALF, 0), width - 1);
      const int y = min(max(top + i / TILE_X - HALF, 0), height - 1);
      tile[i] = from[(size_t)y * pitch + x];
    }
    __syncthreads();
    float sorted[COLUMNS][SIDE];
#pragma unroll
    for (int column = 0; column < COLUMNS; ++column) {
      float* v = sorted[column];
#pragma unroll
      for (int j = 0; j < SIDE; ++j) v[j] = tile[(threadIdx.y + j) * TILE_X + 4 * threadIdx.x + column];
      if (SIDE == 3) { COLUMN_OF_3(EXCHANGE) } else { COLUMN_OF_5(EXCHANGE) }
    }
    const int y = top + threadIdx.y;
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      float v[SIDE * SIDE];
#pragma unroll
      for (int j = 0; j < SIDE; ++j)
#pragma unroll
        for (int k = 0; k < SIDE; ++k) v[j * SIDE + k] = sorted[i + k][j];
      if (SIDE == 3) { MEDIAN_OF_3(EXCHANGE) } else { MEDIAN_OF_5(EXCHANGE) }
      const int x = left + 4 * threadIdx.x + i;
      if (x < width && y < height) to[(size_t)y * pitch + x] = v[SIDE * SIDE / 2];
    }
    __syncthreads();  // before the next field's tile
  }
}
extern "C" __global__ void __launch_bounds__(256)
median_3(float* flow, const int* control, int slots, unsigned long long slot_stride, int width, int height, int pitch) {
  median<3>(flow, control, slots, slot_stride, width, height, pitch);
}
extern "C" __global__ void __launch_bounds__(256)
median_5(float* flow, const int* control, int slots, unsigned long long slot_stride, int width, int height, int pitch) {
  median<5>(flow, control, slots, slot_stride, width, height, pitch);
}

// -------------------------------------------------------------------------------------------------------- iterations

// A block holds a region of an image on chip and runs several iterations on it. A thread owns 4 x R pixels: flow and
// dual field in registers, the constants of a linearisation in shared memory, and only the edges of its pixels
// change hands, as 16-byte words in shared memory. Three ways to cut an image into regions, one kernel:
//
//   tiles      overlap by a halo; per launch as many iterations as the halo is wide, since what is wrong creeps
//              inwards by a pixel an iteration. Any size of image.
//   one block  the region is the image: all iterations in one launch, no halo.
//   cluster    the image is cut into strips, one per block of a cluster, which send each other their edges: all
//              iterations in one launch, no halo (CLUSTER; sm_90 and later). Strips wait for their neighbours alone.
//
// Regions end where the image ends, on the right and at the bottom, so that the last column and row are the last of a
// thread's pixels. What a region has too many lies before the image's first column and row: ghosts, whose flow is 0,
// and whose dual field is kept at 0 towards the image.
struct Quad {
  float a[4];
};
__device__ __forceinline__ float4 word(float a, float b, float c, float d) {
  float4 result;
  result.x = a, result.y = b, result.z = c, result.w = d;
  return result;
}
__device__ __forceinline__ Quad read(const float4* from) {
  const float4 t = *from;
  return {{t.x, t.y, t.z, t.w}};
}
// The R values along a side of a thread's pixels, in ceil(R / 4) words.
template <int R>
constexpr int WORDS = (R + 3) / 4;
template <int R>
struct Side {
  float a[4 * WORDS<R>];
};
template <int R>
__device__ __forceinline__ Side<R> read_side(const float4* from) {
  Side<R> side;
#pragma unroll
  for (int c = 0; c < WORDS<R>; ++c) {
    const float4 t = from[c];
    side.a[4 * c] = t.x, side.a[4 * c + 1] = t.y, side.a[4 * c + 2] = t.z, side.a[4 * c + 3] = t.w;
  }
  return side;
}
template <int R>
__device__ __forceinline__ void write_side(float4* to, const float (&field)[R][4], int column) {
#pragma unroll
  for (int c = 0; c < WORDS<R>; ++c) {
    float a[4];
#pragma unroll
    for (int k = 0; k < 4; ++k) a[k] = 4 * c + k < R ? field[4 * c + k < R ? 4 * c + k : 0][column] : 0.f;
    to[c] = word(a[0], a[1], a[2], a[3]);
  }
}
template <int R>
__device__ __forceinline__ float4 row_of(const float (&field)[R][4], int row) {
  return word(field[row][0], field[row][1], field[row][2], field[row][3]);
}
template <int R>
struct Fields {
  float u[R][4], v[R][4], ux[R][4], uy[R][4], vx[R][4], vy[R][4];
};
// In shared memory a thread has a record of its constants and one of the edges that it shows its neighbours, in words of
// four floats. Each is one word longer than what it holds, so that neighbours' words lie in different banks; places in
// records are constants, so that no address is computed in an iteration.
//
// Edges are of four kinds, each of two fields: right sides of ux, vx for the neighbour on the right, bottoms of uy, vy
// for the one below, left sides of u, v for the one on the left, tops of u, v for the one above. There are records
// around the block too: in place of a neighbour that is not there, they hold no dual field on the left and above, and
// the flow of the block's own last column and row on the right and below, whose differences are 0 then. A row of
// records ends with the one that is on the left of the next row.
template <int R>
struct Record {
  enum { CONSTANTS = 4 * R + 1 };
  enum {
    RIGHT_X = 0,
    RIGHT_Y = RIGHT_X + WORDS<R>,
    LEFT_U = RIGHT_Y + WORDS<R>,
    LEFT_V = LEFT_U + WORDS<R>,
    BOTTOM_X = LEFT_V + WORDS<R>,
    BOTTOM_Y,
    TOP_U,
    TOP_V,
    EDGES = TOP_V + 2
  };
};

// Twin of reference.primal_step on a thread's pixels. With n the gradient's direction and c' the constant over its
// length, the residual over that length is m = n . (u, v) + c', and the three cases of the thresholding are one clamp
// of m to what lambda theta |gradient| allows. The dual field is stored times theta, so the divergence needs no factor.
// With ERROR the squared change is summed where `own` is 1: rows that no other block owns.
template <int R, bool ERROR>
__device__ __forceinline__ float primal(Fields<R>& f, const float4* constants, const float4* mine, const float4* above,
                                        const float (&own)[R]) {
  typedef Record<R> At;
  const float4* const left = mine - At::EDGES;
  const Side<R> left_x = read_side<R>(left + At::RIGHT_X), left_y = read_side<R>(left + At::RIGHT_Y);
  const Quad up_x = read(above + At::BOTTOM_X), up_y = read(above + At::BOTTOM_Y);
  float change = 0.f;
#pragma unroll
  for (int j = 0; j < R; ++j) {
    const Quad across = read(constants + j), down = read(constants + R + j);
    const Quad constant = read(constants + 2 * R + j), limit = read(constants + 3 * R + j);
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const float bend_u = (f.ux[j][i] - (i ? f.ux[j][i ? i - 1 : 0] : left_x.a[j])) +
                           (f.uy[j][i] - (j ? f.uy[j ? j - 1 : 0][i] : up_x.a[i]));
      const float bend_v = (f.vx[j][i] - (i ? f.vx[j][i ? i - 1 : 0] : left_y.a[j])) +
                           (f.vy[j][i] - (j ? f.vy[j ? j - 1 : 0][i] : up_y.a[i]));
      const float u = f.u[j][i], v = f.v[j][i];
      const float rest = fmaf(across.a[i], u, fmaf(down.a[i], v, constant.a[i]));
      const float amount = fminf(fmaxf(rest, -limit.a[i]), limit.a[i]);
      f.u[j][i] = fmaf(-amount, across.a[i], u) + bend_u;
      f.v[j][i] = fmaf(-amount, down.a[i], v) + bend_v;
      if (ERROR) {
        const float by_u = f.u[j][i] - u, by_v = f.v[j][i] - v;
        change = fmaf(own[j], fmaf(by_u, by_u, by_v * by_v), change);
      }
    }
  }
  return change;
}

// Twin of reference.dual_step. One reciprocal serves both fields: 1 / a = b / (a b).
template <int R>
__device__ __forceinline__ void dual(Fields<R>& f, const float4* mine, const float4* below, float rate,
                                     float theta_rate) {
  typedef Record<R> At;
  const float4* const right = mine + At::EDGES;
  const Side<R> right_u = read_side<R>(right + At::LEFT_U), right_v = read_side<R>(right + At::LEFT_V);
  const Quad down_u = read(below + At::TOP_U), down_v = read(below + At::TOP_V);
#pragma unroll
  for (int j = 0; j < R; ++j)
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const float u_x = (i < 3 ? f.u[j][i < 3 ? i + 1 : 3] : right_u.a[j]) - f.u[j][i];
      const float v_x = (i < 3 ? f.v[j][i < 3 ? i + 1 : 3] : right_v.a[j]) - f.v[j][i];
      const float u_y = (j < R - 1 ? f.u[j < R - 1 ? j + 1 : j][i] : down_u.a[i]) - f.u[j][i];
      const float v_y = (j < R - 1 ? f.v[j < R - 1 ? j + 1 : j][i] : down_v.a[i]) - f.v[j][i];
      const float by_u = fmaf(rate, sqrtf(fmaf(u_x, u_x, u_y * u_y)), 1.f);
      const float by_v = fmaf(rate, sqrtf(fmaf(v_x, v_x, v_y * v_y)), 1.f);
      const float both = 1.f / (by_u * by_v), u_scale = both * by_v, v_scale = both * by_u;
      f.ux[j][i] = fmaf(theta_rate, u_x, f.ux[j][i]) * u_scale;
      f.uy[j][i] = fmaf(theta_rate, u_y, f.uy[j][i]) * u_scale;
      f.vx[j][i] = fmaf(theta_rate, v_x, f.vx[j][i]) * v_scale;
      f.vy[j][i] = fmaf(theta_rate, v_y, f.vy[j][i]) * v_scale;
    }
}

// Where a block's region lies along one side of the image, and which part of it is the block's own. The last region
// ends with the image; the first may begin before it.
struct Span {
  int start, own_from, own_to;
};
__device__ __forceinline__ Span span(int block, int blocks, int region, int halo, int length) {
  const int start = length - region - (blocks - 1 - block) * (region - 2 * halo);
  return {start, start + (block ? halo : 0), start + region - (block + 1 < blocks ? halo : 0)};
}

template <int R, bool STOP, bool CLUSTER>
__device__ __forceinline__ void iterate(const float* data, float* flow, float* dual_field, int* control, float* changes,
                                        int slots, unsigned long long flow_stride, unsigned long long dual_stride,
                                        int width, int height, int pitch, int columns, int rows, int halo_x, int halo_y,
                                        int iterations, int first, int repeat, float step, float rate, float theta_rate,
                                        float threshold) {
  const int pair = blockIdx.z;
  if (STOP) {
    if (repeat ? !control[pair * CONTROL_FIELDS + REPEAT] : rests(control, pair)) return;
    if (repeat) iterations = control[pair * CONTROL_FIELDS + REPEAT], first = control[pair * CONTROL_FIELDS + FIRST];
    slots = slots_of(control, pair, slots);
  }
  const int threads = columns * rows, thread = threadIdx.x;
  const bool active = thread < threads;
  const int column = active ? thread % columns : 0, row = active ? thread / columns : 0;
  const int ghosts = pitch - width;  // of a row, before its first pixel
  const Span across = span(blockIdx.x, gridDim.x, 4 * columns, halo_x, pitch);
  const Span down = span(blockIdx.y, gridDim.y, R * rows, halo_y, height);
  const int x = across.start + 4 * column, y = down.start + R * row;
  const size_t plane = (size_t)height * pitch;

  typedef Record<R> At;
  SHARED_MEMORY(memory);
  float4* const constants = memory + thread * At::CONSTANTS;
  const int pace = (columns + 1) * At::EDGES;  // from a row of records to the next
  float4* const edges = memory + At::CONSTANTS * threads;
  float4* const mine = edges + (row + 1) * pace + column * At::EDGES;
  float4 *const above = mine - pace, *const below = mine + pace;
  float4 *const from_above = edges + (rows + 2) * pace, *const from_below = from_above + 1;
  float* const sums = reinterpret_cast<float*>(from_below + 1);  // with STOP: a squared change per iteration and warp
  const int warps = (blockDim.x + 31) / 32;
  const bool whole = !CLUSTER && gridDim.x == 1 && gridDim.y == 1;  // the block has the whole image, and so the whole change

  Fields<R> f;
  {
    const float* now = in_slot(flow, pair, slots & FLOW_SLOT, flow_stride);
    const float* bent = in_slot(dual_field, pair, slots & DUAL_SLOT, dual_stride);
    const float* constant = data + pair * 4 * plane;
#pragma unroll
    for (int j = 0; j < R; ++j) {
      const bool inside = active && x >= 0 && y + j >= 0;
      const size_t at = inside ? (size_t)(y + j) * pitch + x : 0;
      // Ten fields of four pixels; before the start of a row the words hold anything, hence the selection.
      const auto load = [&](const float* field, bool wanted, float (&to)[4]) {
        const Quad t = inside && wanted ? read(reinterpret_cast<const float4*>(field + at)) : Quad{{0.f, 0.f, 0.f, 0.f}};
#pragma unroll
        for (int i = 0; i < 4; ++i) to[i] = i == 3 || x + i >= ghosts ? t.a[i] : 0.f;
      };
      load(now, true, f.u[j]);
      load(now + plane, true, f.v[j]);
      load(bent, !first, f.ux[j]);  // the dual field is 0 at the start of a level
      load(bent + plane, !first, f.uy[j]);
      load(bent + 2 * plane, !first, f.vx[j]);
      load(bent + 3 * plane, !first, f.vy[j]);
#pragma unroll
      for (int k = 0; k < 4; ++k) {
        float t[4];
        load(constant + k * plane, true, t);
        const float scale = k == 3 ? step : 1.f;
        if (active) constants[k * R + j] = word(scale * t[0], scale * t[1], scale * t[2], scale * t[3]);
      }
    }
  }
  float own[R];
#pragma unroll
  for (int j = 0; j < R; ++j)
    own[j] =
        CLUSTER || (x >= across.own_from && x < across.own_to && y + j >= down.own_from && y + j < down.own_to) ? 1.f : 0.f;

  // Threads beside another strip of the cluster.
  const bool hears_above = CLUSTER && active && row == 0 && blockIdx.y > 0;
  const bool hears_below = CLUSTER && active && row == rows - 1 && blockIdx.y + 1 < gridDim.y;
  const auto show_dual = [&](bool more) {
    write_side<R>(mine + At::RIGHT_X, f.ux, 3);
    write_side<R>(mine + At::RIGHT_Y, f.vx, 3);
    mine[At::BOTTOM_X] = row_of<R>(f.uy, R - 1);
    mine[At::BOTTOM_Y] = row_of<R>(f.vy, R - 1);
    if constexpr (CLUSTER)
      if (hears_below && more) {
        float4* const there = mine - rows * pace;
        send(cluster_rank() + 1, there + At::BOTTOM_X, from_above, row_of<R>(f.uy, R - 1));
        send(cluster_rank() + 1, there + At::BOTTOM_Y, from_above, row_of<R>(f.vy, R - 1));
      }
  };
  const auto show_flow = [&]() {
    write_side<R>(mine + At::LEFT_U, f.u, 0);
    write_side<R>(mine + At::LEFT_V, f.v, 0);
    mine[At::TOP_U] = row_of<R>(f.u, 0);
    mine[At::TOP_V] = row_of<R>(f.v, 0);
    if (column == columns - 1) {
      write_side<R>(mine + At::EDGES + At::LEFT_U, f.u, 3);
      write_side<R>(mine + At::EDGES + At::LEFT_V, f.v, 3);
    }
    if (row == rows - 1 && !hears_below) {
      below[At::TOP_U] = row_of<R>(f.u, R - 1);
      below[At::TOP_V] = row_of<R>(f.v, R - 1);
    }
    if constexpr (CLUSTER)
      if (hears_above) {
        float4* const there = mine + rows * pace;
        send(cluster_rank() - 1, there + At::TOP_U, from_below, row_of<R>(f.u, 0));
        send(cluster_rank() - 1, there + At::TOP_V, from_below, row_of<R>(f.v, 0));
      }
  };
  // What a message of a strip's edge holds, in bytes: two fields.
  const unsigned edge_bytes = 2 * sizeof(float4) * columns;
  const float4 zero = word(0.f, 0.f, 0.f, 0.f);
  if (active) {
    if (column == 0)
      for (int c = 0; c < 2 * WORDS<R>; ++c) (mine - At::EDGES)[At::RIGHT_X + c] = zero;
    if (row == 0 && !hears_above) above[At::BOTTOM_X] = above[At::BOTTOM_Y] = zero;
  }
  if constexpr (CLUSTER) {
    if (thread == 0) {
      open_door(from_above);
      open_door(from_below);
      expect(from_above, edge_bytes);
      expect(from_below, edge_bytes);
    }
    cluster_wait();  // no block may send to another whose doors are not open
  }
  if (active) show_dual(true);

  bool stopped = false;
  for (int n = 0; n < iterations; ++n) {
    __syncthreads();
    float change = 0.f;
    if (active) {
      if constexpr (CLUSTER)
        if (hears_above) {
          wait_at(from_above, n & 1);
          if (column == 0) expect(from_above, edge_bytes);  // the next time's
        }
      change = primal<R, STOP>(f, constants, mine, above, own);
      show_flow();
    }
    float* const sum = sums + (whole ? 0 : n * warps);
    if (STOP) {
#pragma unroll
      for (int offset = 16; offset; offset >>= 1) change += __shfl_xor_sync(0xffffffffu, change, offset);
      if (thread % 32 == 0) sum[thread / 32] = change;
    }
    __syncthreads();
    if (active) {
      if constexpr (CLUSTER)
        if (hears_below) {
          wait_at(from_below, n & 1);
          if (column == 0) expect(from_below, edge_bytes);
        }
      dual<R>(f, mine, below, rate, theta_rate);
      if (x < ghosts || y < 0) {  // ghosts of columns show those on their right no dual field, of rows those below
#pragma unroll
        for (int j = 0; j < R; ++j)
#pragma unroll
          for (int i = 0; i < 4; ++i) {
            if (x + i < ghosts) f.ux[j][i] = f.vx[j][i] = 0.f;
            if (y + j < 0) f.uy[j][i] = f.vy[j][i] = 0.f;
          }
      }
      show_dual(n + 1 < iterations);
    }
    if (STOP && whole) {
      float total = 0.f;
      for (int w = 0; w < warps; ++w) total += sum[w];
      if (total <= threshold) {
        stopped = true;
        break;
      }
    }
  }

  if (STOP && !whole && !repeat && thread < iterations) {
    // The last barrier came after the last iteration's sums were written.
    float total = 0.f;
    for (int w = 0; w < warps; ++w) total += sums[thread * warps + w];
    const size_t tile = ((size_t)pair * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
    changes[tile * iterations + thread] = total;
  }
  if (STOP && whole && thread == 0) {
    control[pair * CONTROL_FIELDS + SLOTS] = slots ^ (FLOW_SLOT | DUAL_SLOT);  // every thread has read it long since
    if (stopped) control[pair * CONTROL_FIELDS + RUNNING] = 0;
  }
  if (active && x >= 0 && x >= across.own_from && x < across.own_to) {
    float* now = in_slot(flow, pair, !(slots & FLOW_SLOT), flow_stride);
    float* bent = in_slot(dual_field, pair, !(slots & DUAL_SLOT), dual_stride);
#pragma unroll
    for (int j = 0; j < R; ++j) {
      if (y + j < 0 || y + j < down.own_from || y + j >= down.own_to) continue;
      const size_t at = (size_t)(y + j) * pitch + x;
      const auto store = [&](float* field, const float (&from)[4]) {
        *reinterpret_cast<float4*>(field + at) = word(from[0], from[1], from[2], from[3]);
      };
      store(now, f.u[j]);
      store(now + plane, f.v[j]);
      store(bent, f.ux[j]);
      store(bent + plane, f.uy[j]);
      store(bent + 2 * plane, f.vx[j]);
      store(bent + 3 * plane, f.vy[j]);
    }
  }
}

#define ITERATE(name, R, THREADS, BLOCKS, STOP, CLUSTER)                                                              \
  extern "C" __global__ void __launch_bounds__(THREADS, BLOCKS)                                                            \
  name(const float* data, float* flow, float* dual_field, int* control, float* changes, int slots,                    \
       unsigned long long flow_stride, unsigned long long dual_stride, int width, int height, int pitch, int columns,  \
       int rows, int halo_x, int halo_y, int iterations, int first, int repeat, float step, float rate,               \
       float theta_rate, float threshold) {                                                                           \
    iterate<R, STOP, CLUSTER>(data, flow, dual_field, control, changes, slots, flow_stride, dual_stride, width, height,  \
                           pitch, columns, rows, halo_x, halo_y, iterations, first, repeat, step, rate, theta_rate,   \
                           threshold);                                                                                \
  }
ITERATE(iterate_block, 4, 192, 2, false, false)
ITERATE(iterate_until, 4, 192, 2, true, false)
ITERATE(iterate_tall, 7, 256, 1, false, false)
#if defined(AMCLIP_EMULATED) || __CUDA_ARCH__ >= 900
ITERATE(iterate_cluster, 7, 256, 1, false, true)
ITERATE(iterate_cluster_flat, 4, 192, 2, false, true)
ITERATE(iterate_cluster_until, 7, 256, 1, true, true)
#endif

// With early stop: keep the book of a pair after each step of all pairs (numbered as in _plan.py). One warp per pair.
enum Event {
  UPSAMPLED,  // every pair changes the flow's slot
  FILTERED,   // running pairs do, after a median
  ITERATED,   // running pairs change both slots, or rest: with the number of iterations to repeat from the slots they
              // are in, as they stopped in the midst of this launch
  REPEATED,   // pairs that had to repeat change both slots
};
extern "C" __global__ void __launch_bounds__(32)
keep_book(int* control, const float* changes, int event, int tiles, int iterations, int first, float threshold) {
  const int pair = blockIdx.z, lane = threadIdx.x;
  int* const mine = control + pair * CONTROL_FIELDS;
  const int slots = mine[SLOTS], running = mine[RUNNING], repeat = mine[REPEAT];
  if (event == ITERATED && running)
    for (int n = 0; n < iterations; ++n) {
      float total = 0.f;
      for (int tile = lane; tile < tiles; tile += 32) total += changes[((size_t)pair * tiles + tile) * iterations + n];
#pragma unroll
      for (int offset = 16; offset; offset >>= 1) total += __shfl_xor_sync(0xffffffffu, total, offset);
      if (total <= threshold) {
        if (lane == 0) mine[RUNNING] = 0, mine[REPEAT] = n + 1, mine[FIRST] = first;
        return;
      }
    }
  if (lane) return;
  if (event == UPSAMPLED || (event == FILTERED && running)) mine[SLOTS] = slots ^ FLOW_SLOT;
  if ((event == ITERATED && running) || (event == REPEATED && repeat)) mine[SLOTS] = slots ^ (FLOW_SLOT | DUAL_SLOT);
  if (event == REPEATED) mine[REPEAT] = 0;
}
