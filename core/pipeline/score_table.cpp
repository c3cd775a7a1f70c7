// Tables and curves of scores.
#include "core/pipeline/score_table.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <map>
#include <set>
#include <tuple>

#include "core/base/csv.h"
#include "core/sae/sae_type.h"

namespace sememe {
namespace {

std::string shortest(double number) {
  if (std::isnan(number)) return "";
  char text[32];
  return {text, std::to_chars(text, text + sizeof text, number).ptr};
}

std::string fixed(double number) {
  if (std::isnan(number)) return "–";
  char text[32];
  std::snprintf(text, sizeof text, "%.2f", number);
  return text;
}

// Of Markdown's table.
std::string cell(const std::string& text) {
  std::string result;
  for (const char c : text) {
    if (c == '|') result += '\\';
    result += c;
  }
  return result;
}

double end(const std::vector<RankedNeuron>& list) { return list.empty() ? std::nan("") : list.front().score; }

std::string typeTitle(const std::string& type) { return type.empty() ? "raw neurons" : std::string(saeTypeInfo(parseSaeType(type)).title); }

// A line of the paper's table: what differs between lines, and its cells by expansion.
struct Line {
  std::tuple<std::string, std::string, std::string, std::string, int64_t> key;  // model, place, tokens, type, k
  std::map<double, const ScoreRow*> cells;
};

std::string place(const ScoreRow& row) {
  return layerName(row.layer) + (row.point == "post_mlp_residual" || row.point == "post_projection" ? "" : " " + row.point);
}

// Raw neurons stand in the lines of all SAEs of their layer, and have one of their own where there is none.
std::vector<Line> lines(const std::vector<const ScoreRow*>& rows) {
  std::vector<Line> result;
  for (const ScoreRow* row : rows) {
    const auto key = std::make_tuple(row->model, place(*row), row->tokens, row->saeType, row->k);
    const auto free = std::find_if(result.begin(), result.end(),
                                   [&](const Line& line) { return line.key == key && !line.cells.contains(row->expansion); });
    (free == result.end() ? result.emplace_back(Line{key, {}}) : *free).cells[row->expansion] = row;
  }
  const auto sameRows = [](const Line& a, const Line& b) {
    return std::get<0>(a.key) == std::get<0>(b.key) && std::get<1>(a.key) == std::get<1>(b.key) && std::get<2>(a.key) == std::get<2>(b.key);
  };
  std::vector<Line> joined;
  for (const Line& line : result) {
    if (!line.cells.contains(0)) continue;
    for (Line& other : result)
      if (!other.cells.contains(0) && sameRows(line, other)) other.cells[0] = line.cells.at(0);
  }
  for (const Line& line : result) {
    const bool raw = std::get<3>(line.key).empty();
    const bool shown = raw && std::any_of(result.begin(), result.end(), [&](const Line& other) {
      return !std::get<3>(other.key).empty() && sameRows(line, other) && other.cells.at(0) == line.cells.at(0);
    });
    if (!shown) joined.push_back(line);
  }
  return joined;
}

}  // namespace

std::string layerName(int layer) { return layer < 0 ? "image embedding" : "layer " + std::to_string(layer); }

std::string saeName(const ScoreRow& row) {
  if (row.saeType.empty()) return "raw neurons";
  return typeTitle(row.saeType) + (row.k > 0 ? " k " + std::to_string(row.k) : "") + " ×" + shortest(row.expansion);
}

std::vector<ScoreRow> scoreTable(Workspace& workspace) {
  std::vector<ScoreRow> rows;
  for (const RunInfo& run : workspace.runs().explorable()) {
    for (const ScoreSet& set : workspace.neurons().scoreSets(run.id)) {
      rows.push_back({.run = run.id,
                      .embeddings = set.embeddings,
                      .name = run.name,
                      .model = run.modelName,
                      .point = run.point,
                      .layer = run.layer,
                      .tokens = run.tokens,
                      .saeType = run.saeType,
                      .k = run.saeK,
                      .expansion = run.saeDim > 0 ? double(run.saeSize) / double(run.saeDim) : 0,
                      .encoder = set.encoder,
                      .summary = summarizeScores(workspace.neurons().scores(run.id, set.embeddings))});
    }
  }
  return rows;
}

std::string scoreTableCsv(const std::vector<ScoreRow>& rows) {
  CsvText csv;
  for (const char* name : {"run", "name", "model", "point", "layer", "tokens", "sae_type", "k", "expansion", "encoder", "neurons", "dead",
                           "mean", "std", "best", "worst"})
    csv.add(name);
  for (const double q : kScoreQuantiles) csv.add(std::string(1, 'q').append(shortest(100 * q)));
  csv.endRow();
  for (const ScoreRow& r : rows) {
    const ScoreSummary& s = r.summary;
    csv.add(r.run).add(r.name).add(r.model).add(r.point).add(r.layer).add(r.tokens).add(r.saeType);
    r.k > 0 ? csv.add(r.k) : csv.skip();
    r.expansion > 0 ? csv.add(r.expansion) : csv.skip();
    csv.add(r.encoder).add(s.neurons).add(s.dead).add(s.mean).add(s.deviation).add(end(s.best)).add(end(s.worst));
    for (const double value : s.quantiles) csv.add(value);
    csv.endRow();
  }
  return csv.text();
}

std::string paperTable(const std::vector<ScoreRow>& rows) {
  std::vector<std::pair<int64_t, std::vector<const ScoreRow*>>> encoders;
  for (const ScoreRow& row : rows) {
    auto found = std::find_if(encoders.begin(), encoders.end(), [&](const auto& e) { return e.first == row.embeddings; });
    if (found == encoders.end()) found = encoders.insert(encoders.end(), {row.embeddings, {}});
    found->second.push_back(&row);
  }
  std::string text;
  for (const auto& [embeddings, list] : encoders) {
    std::set<double> columns;
    for (const ScoreRow* row : list) columns.insert(row->expansion);
    const std::vector<Line> table = lines(list);
    // What is the same in all lines need not be said in each.
    std::set<std::string> models;
    std::map<std::string, std::set<std::string>> tokens;  // by place
    for (const ScoreRow* row : list) {
      models.insert(row->model);
      tokens[place(*row)].insert(row->tokens);
    }
    for (const bool ends : {true, false}) {
      text += (text.empty() ? "" : "\n") + std::string("Monosemanticity, images compared by ") + cell(list.front()->encoder) +
              (ends ? ": best / worst neuron\n\n| SAE |" : ": mean ± standard deviation\n\n| SAE |");
      for (const double column : columns) text.append(column == 0 ? " no SAE" : " ×").append(column == 0 ? "" : shortest(column)).append(" |");
      text += "\n|---|";
      for (size_t i = 0; i < columns.size(); ++i) text += "---|";
      text += "\n";
      for (const Line& line : table) {
        const auto& [model, where, token, type, k] = line.key;
        text += "| " + (models.size() > 1 ? cell(model) + ", " : "") + where + (tokens[where].size() > 1 && !token.empty() ? ", " + cell(token) : "") +
                ", " + typeTitle(type) + (k > 0 ? " k " + std::to_string(k) : "") + " |";
        for (const double column : columns) {
          const auto found = line.cells.find(column);
          if (found == line.cells.end()) {
            text += " |";
            continue;
          }
          const ScoreSummary& s = found->second->summary;
          text += " " + (ends ? fixed(end(s.best)) + " / " + fixed(end(s.worst)) : fixed(s.mean) + " ± " + fixed(s.deviation)) + " |";
        }
        text += "\n";
      }
    }
  }
  return text;
}

std::string scoreCurvesCsv(Workspace& workspace, const std::vector<ScoreRow>& rows) {
  CsvText csv;
  for (const char* name : {"run", "name", "encoder", "rank", "share", "ms"}) csv.add(name);
  csv.endRow();
  for (const ScoreRow& row : rows) {
    const std::vector<double> sorted = sortedScores(workspace.neurons().scores(row.run, row.embeddings));
    for (size_t i = 0; i < sorted.size(); ++i) {
      csv.add(row.run).add(row.name).add(row.encoder).add(i).add(sorted.size() > 1 ? double(i) / double(sorted.size() - 1) : 0.0).add(sorted[i]);
      csv.endRow();
    }
  }
  return csv.text();
}

}  // namespace sememe
