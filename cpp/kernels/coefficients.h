// Made by coefficients.py: polynomials for the elementary functions, highest power first.
#pragma once

namespace nablanet::coefficients {

inline constexpr double mills_centre = 4.0;

template <class T>
struct Polynomials;

template <>
struct Polynomials<float> {
  // (exp(r) - 1 - r) / r^2 on [-ln 2 / 2, ln 2 / 2]
  static constexpr float exp_tail[] = {
      0.00139261768667f, 0.00836317367231f, 0.0416665546576f, 0.16666577022f, 0.5f,
  };
  // (atanh(f) - f) / f^3 in s = f^2 on [0, 1/9]
  static constexpr float log_tail[] = {
      0.11612164612f, 0.108532879004f, 0.142961789972f, 0.19999853166f, 0.333333336603f,
  };
  // (z + mills_centre) exp(z^2/2) Phi(-z) in t = (z - mills_centre) / (z + mills_centre)
  static constexpr float mills[] = {
      2.19790434146e-5f, -1.72599229229e-6f, -0.000217771065651f, 0.000133640426234f,
      0.00162424763726f, -0.0034799430258f,  -0.00753868877995f,  0.0603966439982f,
      -0.186521984928f,  0.387137394419f,    -0.607896640213f,    0.755285130505f,
  };
};

template <>
struct Polynomials<double> {
  // (exp(r) - 1 - r) / r^2 on [-ln 2 / 2, ln 2 / 2]
  static constexpr double exp_tail[] = {
      0x1.af389fe6457c2p-26, 0x1.28917d6bfd692p-22, 0x1.71de0db2819d0p-19, 0x1.a019b913dbf29p-16,
      0x1.a01a01a7c30e0p-13, 0x1.6c16c1788a201p-10, 0x1.11111111109b5p-7,  0x1.5555555553d67p-5,
      0x1.5555555555556p-3,  0x1.0000000000001p-1,
  };
  // (atanh(f) - f) / f^3 in s = f^2 on [0, 1/9]
  static constexpr double log_tail[] = {
      0x1.4b0a26c5f2aefp-4, 0x1.687a6e7c95176p-5, 0x1.eb905e8575054p-5, 0x1.10ac75dc602b1p-4,
      0x1.3b18b294bebf9p-4, 0x1.745cf0b0e03bdp-4, 0x1.c71c727143318p-4, 0x1.24924923d44c6p-3,
      0x1.999999999a3ddp-3, 0x1.5555555555555p-2,
  };
  // (z + mills_centre) exp(z^2/2) Phi(-z) in t = (z - mills_centre) / (z + mills_centre)
  static constexpr double mills[] = {
      0x1.828df1c3af8d5p-32, -0x1.0236305d400e6p-33, -0x1.04ffdbe7bde57p-28, -0x1.4b02181dd1428p-31,
      0x1.7329462b6b5afp-26, 0x1.33354e7ae3541p-26,  -0x1.763bb001aa668p-24, -0x1.5739b1a22c205p-23,
      0x1.24d40b9cf111cp-22, 0x1.1319f41c90a10p-20,  -0x1.523a2fde9b827p-21, -0x1.8d64fadf80ed0p-18,
      0x1.80ca2044c09bcp-21, 0x1.26d193750d626p-15,  -0x1.001f7d33a2ff4p-19, -0x1.e4a431b3465b0p-13,
      0x1.17a4aec9fa29ap-13, 0x1.ab825ff09481bp-10,  -0x1.c81719d60dcdbp-9,  -0x1.ee2761054e5e1p-8,
      0x1.eec4cc3e4db3ep-5,  -0x1.7dff2bff68052p-3,  0x1.8c6dbf2cfc2afp-2,   -0x1.373e3a893c28cp-1,
      0x1.82b4bb8c94dcep-1,
  };
};

}  // namespace nablanet::coefficients
