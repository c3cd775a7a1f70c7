// The neurons of runs: statistics, strongest images, scores, labels; sorted and filtered pages over them.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/store/activations.h"
#include "core/store/database.h"

namespace sememe {

constexpr size_t kTopImages = 16;

// The firing rate from which a neuron has all kTopImages strongest images to be judged by, among `images`; 0 where so
// many images do not exist.
inline double rateOfFullTop(int64_t images) {
  return images < int64_t(kTopImages) ? 0 : double(kTopImages) / double(images);
}

struct TopImage {
  int64_t image = 0;
  float activation = 0;
};

// What indexing finds out about one neuron. Values that are NaN are stored as unknown.
struct NeuronStatistics {
  int64_t firingCount = 0;            // images on which it is above zero
  double firingRate = 0;              // the same as a share, 0 … 1
  double mean = 0, min = 0, max = 0;  // over all images
  std::vector<int64_t> histogram;     // counts in equal steps from histogramMin to histogramMax
  double histogramMin = 0, histogramMax = 0;
  std::vector<TopImage> top;  // strongest first, at most 16
};

struct NeuronQuery {
  enum class Sort { Id, Ms, FiringRate, Max, Mean, Label };

  int64_t run = 0;
  int64_t embeddings = 0;  // the embeddings' run that ms is measured with; 0: none, every ms is NaN
  Sort sort = Sort::Ms;
  bool descending = true;
  std::optional<double> msMin, msMax;      // inclusive; either one leaves out neurons without a score
  std::optional<double> rateMin, rateMax;  // firing rate, inclusive
  std::string text;  // label or notes contain it (ASCII letters of either case), or the neuron's number
                     // starts with it
};

struct NeuronRow {
  int64_t neuron = 0;
  double ms = 0;  // NaN: no score, dead, or active on one image alone
  double firingRate = 0, max = 0, mean = 0;
  std::string label;
};

// One encoder's score of a neuron.
struct NeuronMs {
  int64_t embeddings = 0;  // the embeddings' run
  std::string encoder;     // its name
  double ms = 0;           // NaN as above
};

struct NeuronDetail {
  NeuronRow row;  // ms is that of the first score, NaN without one
  double min = 0;
  int64_t firingCount = 0;
  int64_t images = 0;  // that the statistics are about
  std::vector<int64_t> histogram;
  double histogramMin = 0, histogramMax = 0;
  std::vector<TopImage> top;     // strongest first
  std::vector<NeuronMs> scores;  // of every encoder that has scored this run, in the order of their making
  std::string label, notes;
};

// The scores of a run under one encoder, as a whole.
struct ScoreSet {
  int64_t embeddings = 0;
  std::string encoder;  // name of the embeddings' run
  int64_t neurons = 0;
  int64_t unscored = 0;  // NaN
  double mean = 0;       // of the others; NaN when there is none
};

// A part of Workspace; same thread. Labels belong to the neurons, not to the run: every run of the same SAE
// (or of the same model's tap) shows them, and indexing again or removing a run leaves them. Throws Error
// (NotFound: no such run or neuron; Invalid; Corrupt naming table and key), and as Database does.
class Neurons {
 public:
  explicit Neurons(Database& database) : m_database(database) {}

  // Up to `limit` rows after `after` (the last row of the page before; none: from the start), in the query's
  // order: ties by number in the same direction, rows without a value (NaN, no label) last in both directions
  // and among themselves by rising number. A shorter page is the last. Labels compare without the case of
  // ASCII letters.
  std::vector<NeuronRow> page(const NeuronQuery& query, const std::optional<NeuronRow>& after,
                              int limit) const;
  int64_t count(const NeuronQuery& query) const;  // rows of all pages
  std::optional<NeuronRow> row(const NeuronQuery& query,
                               int64_t neuron) const;  // filters ignored; none: no such neuron

  NeuronDetail detail(int64_t run, int64_t neuron) const;

  // Both empty: removed. At most 1,000 and 100,000 bytes.
  void setLabel(int64_t run, int64_t neuron, const std::string& label, const std::string& notes);

  // MS of neuron 0, 1, … under one encoder, all of them; replaces what was there. `ms`: [dim of the run];
  // NaN: none.
  void setScores(int64_t run, int64_t embeddings, std::span<const double> ms);
  std::vector<double> scores(int64_t run, int64_t embeddings) const;  // throws NotFound when there are none
  std::vector<ScoreSet> scoreSets(int64_t run) const;                 // in the order of their making

 private:
  Database& m_database;
};

// Writes the statistics of all neurons of a run in one transaction, replacing what an earlier one wrote;
// destroyed without commit() it changes nothing. Throws as Neurons does.
class IndexWriter {
 public:
  // `images`: how many the statistics are about (failed ones left out).
  IndexWriter(Database& database, int64_t run, int64_t images);

  void add(const NeuronStatistics& statistics);  // of neuron 0, then 1, …
  // Latents only, any time and any order: on which rows a neuron fires. Spans of one length, rows ascending.
  void addColumn(int64_t neuron, std::span<const uint32_t> rows, std::span<const float> values);
  void commit();  // throws Mismatch while statistics are missing; columns that were not given are empty

 private:
  Transaction m_transaction;
  Database& m_database;
  int64_t m_run, m_images, m_neurons = 0, m_rows = 0;
  bool m_latents = false;
  int64_t m_next = 0;
  Statement m_insert, m_insertDetail, m_insertColumn;
};

}  // namespace sememe
