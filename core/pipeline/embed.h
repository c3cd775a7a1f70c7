// Images → embeddings of an encoder, into a workspace or one .pt file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <stop_token>
#include <string>
#include <vector>

#include "core/base/progress.h"
#include "core/pipeline/extract.h"

namespace sememe {

struct EmbedParams {
  std::filesystem::path model;   // a Hugging Face folder: CLIP (image_embeds), SigLIP or DINOv2 (pooler_output)
  std::filesystem::path images;  // an image folder
  std::string split;
  int batch = 32;
  int workers = 0;  // threads that read images; 0: as many as the machine has, at most 16
  std::string precision = "f32";  // what the model computes in: f32, bf16 or f16; part of what the run is
  std::string device = "auto";
  std::string name;  // of the encoder, for people; empty: the model folder's name

  // One of the two:
  std::filesystem::path workspace;  // a *.sememe file, made when absent
  std::filesystem::path out;  // a .pt file, or a folder for {dataset}_{split}_embeddings_{encoder}.pt
};

struct EmbedResult {
  int64_t run = 0;      // in the workspace: what `score` takes as embeddings; 0 for a file
  std::string key;
  std::string file;     // written, with `out`
  int64_t images = 0;   // rows
  int64_t dim = 0;
  int64_t alreadyDone = 0;
  std::vector<FailedImage> failed;
};

// float32 [images, dim], one row per image of the list; a failed image's row is zero and marked as failed (beside a file:
// in its ..._run.json). Not normalised: `score` does that. Resumable as extract() is; a file is written whole at the end,
// and its rows so far are kept beside it meanwhile. Throws as extract() does.
EmbedResult embed(const EmbedParams& params, std::stop_token stop = {}, const ProgressFn& progress = {});

}  // namespace sememe
