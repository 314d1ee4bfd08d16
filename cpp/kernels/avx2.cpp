#include <immintrin.h>

#include "kernels/common.h"

namespace nablanet {
namespace {
#include "kernels/vec_avx2.h"

#include "kernels/pack.inl"

#include "kernels/kernels.inl"
}  // namespace

extern const KernelSet avx2_kernels;
const KernelSet avx2_kernels = {"avx2", table<float>(), table<double>()};

}  // namespace nablanet
