// Images → activations at a tap of a model, with an SAE attached or not, into a workspace or the paper's files.
#pragma once

#include <cstdint>
#include <filesystem>
#include <stop_token>
#include <string>
#include <vector>

#include "core/base/progress.h"

namespace sememe {

// Which tokens of an image become rows. Taps whose output is pooled already (post_projection) have one row and ignore it.
struct TokenSelection {
  enum class Kind {
    Cls,          // token 0
    Mean,         // mean over all tokens; over their latents where an SAE is attached (the paper's mean_pool)
    MeanPatches,  // the same over the patches alone (no CLS, no registers)
    All,          // every token a row of its own
    Patches,      // every patch token a row of its own
    Random,       // `count` tokens, drawn with replacement by the seed and the image's number, rows of their own
  };
  Kind kind = Kind::Mean;
  int64_t count = 0;  // Random only; at least 1

  // "cls", "mean", "mean-patches", "all", "patches", "random:K". Throws Error (Invalid).
  static TokenSelection parse(const std::string& text);
  std::string name() const;  // what parse() reads
};

inline constexpr int kThumbnailSide = 128;  // pixels that thumbnails fit into

// An image that could not be read.
struct FailedImage {
  int64_t index = 0;   // its number in the list
  std::string path;    // relative to the image folder
  std::string reason;
};

struct ExtractParams {
  std::filesystem::path model;   // a Hugging Face folder
  std::filesystem::path images;  // an image folder
  std::string split;             // "" or a sub-folder such as "val"
  std::string point = "post_mlp_residual";  // a name of core/models/tap.h
  int layer = -1;                           // 0-based; -1 at post_projection
  TokenSelection tokens;
  std::filesystem::path sae;    // ae.pt or its folder; empty: raw activations
  int batch = 32;               // images the model sees at once; another one may change the last digit of a value
  int workers = 0;              // threads that read images; 0: as many as the machine has, at most 16
  std::string dtype = "f16";    // of dense rows in a workspace: f16, bf16, f32; latents and files are float32
  std::string precision = "f32";  // what the model computes in: f32, bf16 or f16; part of what the run is
  std::string device = "auto";  // auto, cpu, cuda, cuda:N
  uint64_t seed = 0;            // of Random tokens
  std::string name;             // of the run, for people; empty: made of model, tap, tokens and SAE

  // One of the two:
  std::filesystem::path workspace;  // a *.sememe file, made when absent
  std::filesystem::path out;        // a folder for {dataset}_{split}_activations_{model}_{layer}_{point}_part{N}.pt

  int64_t partImages = 50'000;  // images of one part file at most (rounded down to whole blocks)
};

struct ExtractResult {
  int64_t run = 0;          // in the workspace; 0 for files
  std::string key;          // what the run was made of, as a fingerprint
  int64_t images = 0;       // of the list, failed ones included
  int64_t rows = 0;         // images x rows of one image
  int64_t rowsPerImage = 1;
  int64_t dim = 0;          // width of a row: of the activations, or the SAE's latents
  int64_t alreadyDone = 0;  // images that an earlier call had finished; == images when nothing was left to do
  std::vector<FailedImage> failed;
  std::vector<std::string> files;      // part files in order, with --out
  std::vector<std::string> unusedKeys, missingKeys;  // of the model's checkpoint
};

// Rows stand in the order of the image list, `rowsPerImage` for each image, so that row numbers of every run over the
// same list agree. An image that cannot be read keeps its rows: they are zero and marked as failed, and every later step
// (top images, statistics, scores, training) leaves them out; beside part files PREFIX_run.json lists them.
//
// Memory does not grow with the number of images. A block of rows and its progress are stored together: a call that
// was stopped or killed is taken up by the same call and ends with the identical result; a finished one does nothing. A workspace gets the images' thumbnails in the same pass.
// Throws Error (NotFound, Corrupt, Mismatch: SAE and tap of different width, or files of another run in `out`; Invalid:
// no such layer, token selection, device; NotFound: no image in the folder; Io, DiskFull, Busy), Cancelled.
ExtractResult extract(const ExtractParams& params, std::stop_token stop = {}, const ProgressFn& progress = {});

}  // namespace sememe
