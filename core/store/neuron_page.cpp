// Sorted and filtered pages over the neurons of a run, read along an index from the last row of the page
// before.
//
// A page is read in two parts: rows that have a value in the sort column, then those that have none. Each
// part starts where the page before ended, at (value, neuron), so its cost does not depend on how far down it
// is. Two plans: walk the sort column's index and skip what the filters leave out; or, where a filter leaves
// few rows, gather those by the filter's own index and sort them.
#include <cmath>
#include <variant>

#include "core/base/error.h"
#include "core/store/neurons.h"

namespace sememe {
namespace {

using Sort = NeuronQuery::Sort;

// Gathering M rows costs M look-ups; walking costs about (page / M) x all rows. They meet near here for
// 100,000 neurons.
constexpr int64_t kFewRows = 4096;

// SQL text with its values, numbered as they are added.
class Sql {
 public:
  std::string operator()(int64_t value) { return add(value); }
  std::string operator()(double value) { return add(value); }
  std::string operator()(std::string value) { return add(std::move(value)); }

  void bind(Statement& statement) const {
    for (size_t i = 0; i < m_values.size(); ++i) {
      std::visit([&](const auto& value) { bindOne(statement, int(i) + 1, value); }, m_values[i]);
    }
  }

 private:
  using Value = std::variant<int64_t, double, std::string>;

  template <class T>
  static void bindOne(Statement& statement, int index, const T& value) {
    if constexpr (std::is_same_v<T, std::string>) {
      statement.bind(index, std::string_view(value));
    } else {
      statement.bind(index, value);
    }
  }
  std::string add(Value value) {
    m_values.push_back(std::move(value));
    return std::string("?").append(std::to_string(m_values.size()));
  }

  std::vector<Value> m_values;
};

// What a query says about the run it is on.
struct Target {
  int64_t run = 0, subject = 0, dim = 0, scoreSet = 0;  // scoreSet 0: none
  bool indexed = false;
};

Target findTarget(const Database& database, const NeuronQuery& query) {
  Statement run(database, "SELECT subject, dim, indexed FROM runs WHERE id = ?1", query.run);
  const std::string where = database.path().string() + ", run " + std::to_string(query.run);
  if (!run.step()) throw Error(ErrorCode::NotFound, "no such run", where);
  for (const auto& bound : {query.msMin, query.msMax, query.rateMin, query.rateMax}) {
    if (bound && std::isnan(*bound))
      throw Error(ErrorCode::Invalid, "a bound of a filter is not a number", where);
  }
  Target target{query.run, run.integer(0), run.integer(1), 0, run.integer(2) == 1};
  if (query.embeddings != 0) {
    Statement set(database, "SELECT id FROM score_sets WHERE run = ?1 AND embeddings = ?2", query.run,
                  query.embeddings);
    if (set.step()) target.scoreSet = set.integer(0);
  }
  return target;
}

bool filtersMs(const NeuronQuery& query) { return query.msMin || query.msMax; }
bool filtersRate(const NeuronQuery& query) { return query.rateMin || query.rateMax; }

std::string range(const std::string& column, const std::optional<double>& least,
                  const std::optional<double>& most, Sql& sql) {
  std::string text;
  if (least) text += " AND " + column + " >= " + sql(*least);
  if (most) text += " AND " + column + " <= " + sql(*most);
  return text;
}

// Neurons that the text finds, as a sub-query of one column `neuron`.
std::string textHits(const NeuronQuery& query, const Target& target, Sql& sql) {
  std::string pattern = "%";
  for (const char c : query.text) {
    if (c == '%' || c == '_' || c == '\\') pattern += '\\';
    pattern += c;
  }
  const std::string like = " LIKE " + sql(pattern + "%") + " ESCAPE '\\'";
  std::string hits = "(SELECT neuron FROM labels WHERE subject = " + sql(target.subject) + " AND (label" +
                     like + " OR notes" + like + ")";
  const bool number = query.text.size() <= 9 &&
                      query.text.find_first_not_of("0123456789") == std::string::npos &&
                      (query.text[0] != '0' || query.text.size() == 1);
  if (number) {
    // 12 finds 12, 120 to 129, 1200 to 1299 …
    const int64_t first = std::stoll(query.text);
    for (int64_t scale = 1; first * scale < target.dim; scale *= 10) {
      hits += " UNION SELECT neuron FROM neurons NOT INDEXED WHERE run = " + sql(target.run) +
              " AND neuron BETWEEN " + sql(first * scale) + " AND " + sql((first + 1) * scale - 1);
      if (first == 0) break;
    }
  }
  return hits + ")";
}

enum class Source { Neurons, RateIndex, ScoreIndex, LabelIndex, Text };

const char* neuronIndex(Sort sort) {
  switch (sort) {
    case Sort::FiringRate:
      return " INDEXED BY neurons_by_rate";
    case Sort::Max:
      return " INDEXED BY neurons_by_max";
    case Sort::Mean:
      return " INDEXED BY neurons_by_mean";
    default:
      return " NOT INDEXED";  // the primary key
  }
}

// FROM and WHERE of the filters. CROSS JOIN keeps SQLite from changing the order of the tables. `index` is
// for Source::Neurons; scores and labels that need not be there are joined on the left unless `needScore`,
// `needLabel`.
std::string fromWhere(const NeuronQuery& query, const Target& target, Source source, const char* index,
                      bool needScore, bool needLabel, Sql& sql) {
  const std::string run = sql(target.run), set = sql(target.scoreSet), subject = sql(target.subject);
  const std::string neuron = " CROSS JOIN neurons AS n ON n.run = " + run + " AND n.neuron = ";
  std::string from, where;
  switch (source) {
    case Source::Neurons:
      from = " FROM neurons AS n" + std::string(index);
      where = " WHERE n.run = " + run;
      break;
    case Source::RateIndex:
      from = " FROM neurons AS n INDEXED BY neurons_by_rate";
      where = " WHERE n.run = " + run;
      break;
    case Source::ScoreIndex:
      from = " FROM scores AS s INDEXED BY scores_by_ms" + neuron + "s.neuron";
      where = " WHERE s.score_set = " + set;
      break;
    case Source::LabelIndex:
      from = " FROM labels AS l INDEXED BY labels_by_label" + neuron + "l.neuron";
      where = " WHERE l.subject = " + subject;
      break;
    case Source::Text:
      from = " FROM " + textHits(query, target, sql) + " AS h" + neuron + "h.neuron";
      where = " WHERE 1";
      break;
  }
  needScore = needScore || filtersMs(query);
  if (source != Source::ScoreIndex) {
    from += std::string(needScore ? " CROSS" : " LEFT") + " JOIN scores AS s ON s.score_set = " + set +
            " AND s.neuron = n.neuron";
  }
  if (source != Source::LabelIndex) {
    from += std::string(needLabel ? " CROSS" : " LEFT") + " JOIN labels AS l ON l.subject = " + subject +
            " AND l.neuron = n.neuron";
  }
  return from + where;
}

int64_t countUpTo(const Database& database, const std::string& fromWhere, const Sql& sql, int64_t most) {
  Statement statement(database,
                      "SELECT count(*) FROM (SELECT 1" + fromWhere + " LIMIT " + std::to_string(most) + ")");
  sql.bind(statement);
  statement.step();
  return statement.integer(0);
}

// Whether a filter alone leaves few neurons, so that gathering them is the better plan.
std::optional<Source> fewBy(const Database& database, const NeuronQuery& query, const Target& target) {
  if (!query.text.empty()) return Source::Text;
  if (filtersMs(query) && query.sort != Sort::Ms) {
    Sql sql;
    const std::string text =
        " FROM scores INDEXED BY scores_by_ms WHERE score_set = " + sql(target.scoreSet) +
        range("ms", query.msMin, query.msMax, sql);
    if (countUpTo(database, text, sql, kFewRows + 1) <= kFewRows) return Source::ScoreIndex;
  }
  if (filtersRate(query) && query.sort != Sort::FiringRate) {
    Sql sql;
    const std::string text = " FROM neurons INDEXED BY neurons_by_rate WHERE run = " + sql(target.run) +
                             range("firing_rate", query.rateMin, query.rateMax, sql);
    if (countUpTo(database, text, sql, kFewRows + 1) <= kFewRows) return Source::RateIndex;
  }
  return std::nullopt;
}

// The value that the query sorts by: a column, and whether a row has it.
struct Key {
  std::string column;
  std::variant<int64_t, double, std::string> after;
  bool afterHasValue = true;
};

Key sortKey(const NeuronQuery& query, const NeuronRow& row) {
  switch (query.sort) {
    case Sort::Id:
      return {"n.neuron", row.neuron, true};
    case Sort::Ms:
      return {"s.ms", row.ms, !std::isnan(row.ms)};
    case Sort::FiringRate:
      return {"n.firing_rate", row.firingRate, !std::isnan(row.firingRate)};
    case Sort::Max:
      return {"n.max", row.max, !std::isnan(row.max)};
    case Sort::Mean:
      return {"n.mean", row.mean, !std::isnan(row.mean)};
    case Sort::Label:
      break;
  }
  return {"l.label", row.label, !row.label.empty()};
}

// Of the table that a part walks: its index ends with this column, so that no sorting is needed.
const char* neuronColumn(Source source) {
  switch (source) {
    case Source::ScoreIndex:
      return "s.neuron";
    case Source::LabelIndex:
      return "l.neuron";
    default:
      return "n.neuron";
  }
}

NeuronRow readRow(const Statement& row) {
  return {row.integer(0), row.real(1), row.real(2), row.real(3), row.real(4), row.text(5)};
}

constexpr const char* kColumns = "SELECT n.neuron, s.ms, n.firing_rate, n.max, n.mean, l.label";

// Appends one part of the page: neurons with a value (`valued`), or those without.
void readPart(const Database& database, const NeuronQuery& query, const Target& target,
              const std::optional<Source>& few, bool valued, const std::optional<NeuronRow>& after,
              size_t limit, std::vector<NeuronRow>& rows) {
  Sql sql;
  const Key key = sortKey(query, after.value_or(NeuronRow{}));
  const bool byScore = query.sort == Sort::Ms, byLabel = query.sort == Sort::Label;

  Source source = Source::Neurons;
  if (few) {
    source = *few;
  } else if (byScore && target.scoreSet != 0) {
    source = Source::ScoreIndex;
  } else if (byLabel && valued) {
    source = Source::LabelIndex;
  }
  std::string text = kColumns;
  text +=
      fromWhere(query, target, source, neuronIndex(query.sort), byScore && valued, byLabel && valued, sql);

  // The bound that `after` implies already gets a +, which keeps it from being the one that the index starts
  // at.
  const auto bounds = [&](const char* column, Sort sort, const std::optional<double>& least,
                          const std::optional<double>& most) {
    const bool implied = after && valued && query.sort == sort;
    const std::string plus = std::string("+").append(column);
    text += range(implied && !query.descending ? plus : column, least, std::nullopt, sql);
    text += range(implied && query.descending ? plus : column, std::nullopt, most, sql);
  };
  bounds("s.ms", Sort::Ms, query.msMin, query.msMax);
  bounds("n.firing_rate", Sort::FiringRate, query.rateMin, query.rateMax);

  const std::string neuron = neuronColumn(source);
  const char* direction = query.descending ? " DESC" : "";
  if (query.sort == Sort::Id) {
    if (after) text += " AND " + neuron + (query.descending ? " < " : " > ") + sql(after->neuron);
    text += " ORDER BY " + neuron + direction;
  } else if (valued) {
    text += byLabel ? " AND l.label <> ''" : " AND " + key.column + " IS NOT NULL";
    if (after) {
      const std::string value = std::visit([&](const auto& v) { return sql(v); }, key.after);
      text += " AND (" + key.column + ", " + neuron + ")" + (query.descending ? " < (" : " > (") + value +
              ", " + sql(after->neuron) + ")";
    }
    text += " ORDER BY " + key.column + direction + ", " + neuron + direction;
  } else {
    text += byLabel ? " AND (l.label IS NULL OR l.label = '')" : " AND " + key.column + " IS NULL";
    if (after) text += " AND " + neuron + " > " + sql(after->neuron);
    text += " ORDER BY " + neuron;
  }
  text += " LIMIT " + sql(int64_t(limit));

  Statement statement(database, text);
  sql.bind(statement);
  while (statement.step()) rows.push_back(readRow(statement));
}

}  // namespace

std::vector<NeuronRow> Neurons::page(const NeuronQuery& query, const std::optional<NeuronRow>& after,
                                     int limit) const {
  if (limit < 1) throw Error(ErrorCode::Invalid, "a page has at least one row", m_database.path().string());
  Transaction view(m_database, Transaction::Kind::Read);
  const Target target = findTarget(m_database, query);
  std::vector<NeuronRow> rows;
  if (!target.indexed || (filtersMs(query) && target.scoreSet == 0)) return rows;

  const std::optional<Source> few = fewBy(m_database, query, target);
  const bool inSecondPart = after && !sortKey(query, *after).afterHasValue;
  const size_t wanted = size_t(limit);
  if (!inSecondPart) readPart(m_database, query, target, few, true, after, wanted, rows);
  // Rows without the value that a filter asks for are left out by it.
  const bool secondPart = query.sort != Sort::Id && !(query.sort == Sort::Ms && filtersMs(query)) &&
                          !(query.sort == Sort::FiringRate && filtersRate(query));
  if (secondPart && rows.size() < wanted) {
    readPart(m_database, query, target, few, false, inSecondPart ? after : std::nullopt, wanted - rows.size(),
             rows);
  }
  return rows;
}

int64_t Neurons::count(const NeuronQuery& query) const {
  Transaction view(m_database, Transaction::Kind::Read);
  const Target target = findTarget(m_database, query);
  if (!target.indexed || (filtersMs(query) && target.scoreSet == 0)) return 0;
  if (query.text.empty() && !filtersMs(query) && !filtersRate(query)) return target.dim;

  Sql sql;
  std::string text;
  if (query.text.empty() && !filtersRate(query)) {
    text = " FROM scores AS s INDEXED BY scores_by_ms WHERE s.score_set = " + sql(target.scoreSet);
  } else {
    const Source source = !query.text.empty() ? Source::Text : Source::RateIndex;
    text = fromWhere(query, target, source, "", false, false, sql);
  }
  text += range("s.ms", query.msMin, query.msMax, sql) +
          range("n.firing_rate", query.rateMin, query.rateMax, sql);
  Statement statement(m_database, "SELECT count(*)" + text);
  sql.bind(statement);
  statement.step();
  return statement.integer(0);
}

std::optional<NeuronRow> Neurons::row(const NeuronQuery& query, int64_t neuron) const {
  Transaction view(m_database, Transaction::Kind::Read);
  const Target target = findTarget(m_database, query);
  Sql sql;
  const NeuronQuery unfiltered{.run = query.run, .embeddings = query.embeddings};
  const std::string text = kColumns +
                           fromWhere(unfiltered, target, Source::Neurons, " NOT INDEXED", false, false, sql) +
                           " AND n.neuron = " + sql(neuron);
  Statement statement(m_database, text);
  sql.bind(statement);
  if (!statement.step()) return std::nullopt;
  return readRow(statement);
}

}  // namespace sememe
