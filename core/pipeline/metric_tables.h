// The three tables of the released metric benchmark, and a metric of anyone's as a table. Free of LibTorch.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "core/base/progress.h"

namespace sememe {

// pairs.csv: k_x, k_y, R_user, and for each encoder E MS_x_E and MS_y_E.
struct PairTable {
  struct Row {
    int64_t x = 0, y = 0;
    std::string answer;
    std::vector<std::pair<double, double>> ms;  // by encoder, x and y; NaN where the field is empty
  };
  std::vector<std::string> encoders;
  std::vector<Row> rows;
};

struct MetricTables {
  PairTable pairs;
  std::map<int64_t, std::vector<int64_t>> top;  // top16_images.csv: images as numbered there; empty where they are names
  int64_t activationRows = 0;                   // lines of activations.csv that were handed on
};

// Takes neuron k's activations on all images, in order: finite, as many in every line. `line` is its number in the file.
using ActivationFn = std::function<void(int64_t k, std::span<const float> activations, int64_t line)>;

// Reads the archive or folder once, whatever the order of its files; activations.csv only where `activations` is given,
// line by line. Heads may have spaces and any order of columns but for a_1 … a_N and x_1 … x_16, which follow k.
// Throws Error (NotFound: no such file, or no pairs.csv or activations.csv in it; Corrupt naming file, line and column: a missing or
// repeated column, another number of fields, no number, NaN or infinity, a neuron twice), Cancelled.
MetricTables readMetricTables(const std::filesystem::path& data, const ActivationFn& activations, const std::stop_token& stop = {},
                              const ProgressFn& progress = {});

// A CSV of neuron and value, with or without a head; an empty value or "nan" is NaN. Throws Error as above.
std::map<int64_t, double> readMetric(const std::filesystem::path& path);

}  // namespace sememe
