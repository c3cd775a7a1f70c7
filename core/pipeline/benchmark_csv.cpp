// The metric benchmark's tables.
#include "core/pipeline/benchmark_csv.h"

#include "core/base/csv.h"

namespace sememe {

std::string benchmarkCsv(const MetricBenchmarkResult& result) {
  CsvText csv;
  for (const char* name : {"metric", "agreement", "low", "high", "pairs", "undecided", "missing"}) csv.add(name);
  csv.endRow();
  for (const MetricBenchmarkResult::Metric& m : result.metrics) {
    const AgreementShare& all = m.agreement.all;
    csv.add(m.name).add(all.share).add(all.low).add(all.high);
    csv.add(all.pairs).add(m.agreement.undecided).add(m.agreement.missing).endRow();
  }
  return csv.text();
}

std::string benchmarkIntervalsCsv(const MetricBenchmarkResult& result) {
  CsvText csv;
  for (const char* name : {"metric", "from", "to", "agreement", "low", "high", "pairs"}) csv.add(name);
  csv.endRow();
  for (const MetricBenchmarkResult::Metric& m : result.metrics) {
    for (const auto& [from, to, share] : m.agreement.intervals)
      csv.add(m.name).add(from).add(to).add(share.share).add(share.low).add(share.high).add(share.pairs).endRow();
  }
  return csv.text();
}

}  // namespace sememe
