// Reads the tables of the metric benchmark.
#include "core/pipeline/metric_tables.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <memory>
#include <set>

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/base/text_members.h"

namespace sememe {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

void split(std::string_view line, std::vector<std::string_view>& fields) {
  fields.clear();
  for (;;) {
    const size_t comma = line.find(',');
    fields.push_back(fieldText(line.substr(0, comma)));
    if (comma == std::string_view::npos) return;
    line.remove_prefix(comma + 1);
  }
}

// Where a table is being read, for messages.
struct Place {
  std::string file;
  int64_t line = 0;
  [[noreturn]] void fail(const std::string& what, const std::string& column = {}) const {
    throw Error(ErrorCode::Corrupt, what, file + ", line " + std::to_string(line) + (column.empty() ? "" : ", column " + column));
  }
  template <typename Number>
  Number number(std::string_view text, const std::string& column) const {
    Number value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size())
      fail("a number was expected, not \"" + std::string(text.substr(0, 40)) + "\"", column);
    return value;
  }
  // A neuron's or an image's, which some programs write as 12.0.
  int64_t whole(std::string_view text, const std::string& column) const {
    const double value = number<double>(text, column);
    if (!(value >= 0) || value != std::floor(value) || value > 1e15) fail("a number from 0 on was expected, not " + std::string(text.substr(0, 40)), column);
    return int64_t(value);
  }
};

class PairReader {
 public:
  PairReader(PairTable& table, std::string file) : m_table(table), m_place{std::move(file)} {}
  void take(int64_t line, std::string_view text) {
    m_place.line = line;
    if (trimmed(text).empty()) return;
    split(text, m_fields);
    if (m_columns.empty()) return readHead();
    if (m_fields.size() != m_columns.size())
      m_place.fail("there are " + std::to_string(m_fields.size()) + " fields under " + std::to_string(m_columns.size()) + " columns");
    PairTable::Row row;
    row.x = m_place.whole(m_fields[m_x], "k_x");
    row.y = m_place.whole(m_fields[m_y], "k_y");
    row.answer = m_fields[m_answer];
    for (const auto& [x, y] : m_ms) row.ms.emplace_back(score(x), score(y));
    m_table.rows.push_back(std::move(row));
  }

 private:
  size_t find(const std::string& name) const {
    const auto found = std::find(m_columns.begin(), m_columns.end(), name);
    if (found == m_columns.end()) m_place.fail("the column " + name + " is missing");
    return size_t(found - m_columns.begin());
  }
  void readHead() {
    for (const std::string_view field : m_fields) {
      if (std::find(m_columns.begin(), m_columns.end(), field) != m_columns.end()) m_place.fail("a column stands there twice", std::string(field));
      m_columns.emplace_back(field);
    }
    m_x = find("k_x");
    m_y = find("k_y");
    m_answer = find("R_user");
    for (const std::string& column : m_columns) {
      if (!column.starts_with("MS_x_")) continue;
      m_table.encoders.push_back(column.substr(5));
      m_ms.emplace_back(find(column), find("MS_y_" + column.substr(5)));
    }
  }
  double score(size_t column) const {
    return m_fields[column].empty() ? kNaN : m_place.number<double>(m_fields[column], m_columns[column]);
  }

  PairTable& m_table;
  Place m_place;
  std::vector<std::string_view> m_fields;
  std::vector<std::string> m_columns;
  size_t m_x = 0, m_y = 0, m_answer = 0;
  std::vector<std::pair<size_t, size_t>> m_ms;
};

// A table of k and a list.
class ListReader {
 public:
  ListReader(std::string file, std::function<void(int64_t k, const std::vector<std::string_view>& fields, const Place& place)> take)
      : m_take(std::move(take)), m_place{std::move(file)} {}
  void take(int64_t line, std::string_view text) {
    m_place.line = line;
    if (trimmed(text).empty()) return;
    split(text, m_fields);
    if (m_columns == 0) {
      m_columns = m_fields.size();
      if (m_fields[0] != "k") m_place.fail("the first column was expected to be k, not " + std::string(m_fields[0].substr(0, 40)));
      if (m_columns < 2) m_place.fail("there is no column beside k");
      return;
    }
    if (m_fields.size() != m_columns)
      m_place.fail("there are " + std::to_string(m_fields.size()) + " fields under " + std::to_string(m_columns) + " columns");
    const int64_t k = m_place.whole(m_fields[0], "k");
    if (!m_seen.insert(k).second) m_place.fail("neuron " + std::to_string(k) + " stands there twice", "k");
    m_take(k, m_fields, m_place);
  }

 private:
  std::function<void(int64_t, const std::vector<std::string_view>&, const Place&)> m_take;
  Place m_place;
  std::vector<std::string_view> m_fields;
  size_t m_columns = 0;
  std::set<int64_t> m_seen;
};

}  // namespace

MetricTables readMetricTables(const std::filesystem::path& data, const ActivationFn& activations, const std::stop_token& stop,
                              const ProgressFn& progress) {
  MetricTables tables;
  bool named = false;  // images of top16_images.csv
  std::set<std::string> seen;
  std::vector<float> values;
  const auto member = [&](const std::string& name) -> LineFn {
    const std::string file = data.string() + ", " + name;
    const bool known = name == "pairs.csv" || name == "top16_images.csv" || (name == "activations.csv" && activations);
    if (!known) return {};
    if (!seen.insert(name).second) throw Error(ErrorCode::Corrupt, "the file stands there twice", file);
    if (name == "pairs.csv") {
      return [reader = std::make_shared<PairReader>(tables.pairs, file)](int64_t line, std::string_view text) { reader->take(line, text); };
    }
    const auto reader = name == "top16_images.csv"
                            ? std::make_shared<ListReader>(file,
                                                           [&](int64_t k, const std::vector<std::string_view>& fields, const Place& place) {
                                                             std::vector<int64_t> images;
                                                             for (size_t i = 1; i < fields.size() && !named; ++i) {
                                                               named = fields[i].empty() || fields[i].find_first_not_of("0123456789.") != std::string_view::npos;
                                                               if (!named) images.push_back(place.whole(fields[i], "x_" + std::to_string(i)));
                                                             }
                                                             tables.top[k] = std::move(images);
                                                           })
                            : std::make_shared<ListReader>(file, [&](int64_t k, const std::vector<std::string_view>& fields, const Place& place) {
                                values.clear();
                                for (size_t i = 1; i < fields.size(); ++i) {
                                  const auto [end, error] = std::from_chars(fields[i].data(), fields[i].data() + fields[i].size(), values.emplace_back());
                                  if (error != std::errc() || end != fields[i].data() + fields[i].size() || !std::isfinite(values.back()))
                                    place.fail("a finite number was expected, not \"" + std::string(fields[i].substr(0, 40)) + "\"", "a_" + std::to_string(i));
                                }
                                ++tables.activationRows;
                                activations(k, values, place.line);
                              });
    return [reader](int64_t line, std::string_view text) { reader->take(line, text); };
  };
  readTextMembers(data, member, stop, progress);
  if (named) tables.top.clear();
  if (!seen.contains("pairs.csv")) throw Error(ErrorCode::NotFound, "there is no pairs.csv in it", data.string());
  if (tables.pairs.rows.empty()) throw Error(ErrorCode::Corrupt, "there is no pair in it", data.string() + ", pairs.csv");
  if (activations && tables.activationRows == 0)
    throw Error(ErrorCode::NotFound, "there is no activations.csv with neurons in it, which scores from embeddings need", data.string());
  return tables;
}

std::map<int64_t, double> readMetric(const std::filesystem::path& path) {
  std::map<int64_t, double> metric;
  Place place{path.string()};
  std::vector<std::string_view> fields;
  const LineFn take = [&](int64_t line, std::string_view text) {
    place.line = line;
    if (trimmed(text).empty()) return;
    split(text, fields);
    if (fields.size() != 2) place.fail("a neuron and a value were expected");
    const bool head = line == 1 && !fields[0].empty() && (fields[0][0] < '0' || fields[0][0] > '9');
    if (head) return;
    const int64_t k = place.whole(fields[0], "k");
    const double value = fields[1].empty() ? kNaN : place.number<double>(fields[1], "value");
    if (!metric.emplace(k, value).second) place.fail("neuron " + std::to_string(k) + " stands there twice");
  };
  if (path.extension() != ".csv") throw Error(ErrorCode::Unsupported, "a metric is a .csv of neuron and value", path.string());
  readTextMembers(path, [&](const std::string&) { return take; });
  if (metric.empty()) throw Error(ErrorCode::Corrupt, "there is no neuron in it", path.string());
  return metric;
}

}  // namespace sememe
