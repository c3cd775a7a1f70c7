// Resizing of 8-bit images exactly as Pillow's Image.resize does it.
#pragma once

#include "core/image/image.h"

namespace sememe {

// The numbers are Pillow's, as preprocessor_config.json has them.
enum class Resample { Nearest = 0, Lanczos = 1, Bilinear = 2, Bicubic = 3, Box = 4, Hamming = 5 };

// The image at width x height. Filters are antialiased when shrinking; two passes (across and down) with 8-bit values
// between and fixed-point weights of 22 bits, so the result equals Pillow's bit for bit (after its Resample.c). Pillow 13
// goes down first where the rows lost are more than twice the columns lost, and so do we; earlier ones always went
// across first, so tall narrow images may differ from theirs by the rounding between the passes.
// Throws Error (Invalid) for an empty image, a size below 1 or above kMaxImagePixels. Any thread.
Image resizeImage(const Image& image, int width, int height, Resample filter);

}  // namespace sememe
