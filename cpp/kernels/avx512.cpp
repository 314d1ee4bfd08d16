#include <immintrin.h>

#include <bit>

#include "kernels/common.h"

namespace nablanet {
namespace {
#include "kernels/vec_avx512.h"

#include "kernels/pack_avx512.inl"

#include "kernels/kernels.inl"
}  // namespace

extern const KernelSet avx512_kernels;
const KernelSet avx512_kernels = {"avx512", table<float>(), table<double>()};

}  // namespace nablanet
