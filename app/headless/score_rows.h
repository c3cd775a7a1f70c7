// A line of the table of scores as JSON.
#pragma once

#include <cmath>

#include "app/headless/command.h"
#include "core/pipeline/score_table.h"

namespace sememe::cli {

inline Json numberOrNull(double value) { return std::isnan(value) ? Json() : Json(value); }

inline Json scoreRowJson(const ScoreRow& r) {
  const ScoreSummary& s = r.summary;
  Json quantiles = Json::object();
  for (size_t i = 0; i < kScoreQuantiles.size(); ++i) quantiles[std::to_string(int(std::lround(100 * kScoreQuantiles[i])))] = numberOrNull(s.quantiles[i]);
  return {{"run", r.run},
          {"name", r.name},
          {"model", r.model},
          {"point", r.point},
          {"layer", r.layer},
          {"tokens", r.tokens},
          {"sae_type", r.saeType.empty() ? Json() : Json(r.saeType)},
          {"k", r.k > 0 ? Json(r.k) : Json()},
          {"expansion", r.expansion > 0 ? Json(r.expansion) : Json()},
          {"encoder", r.encoder},
          {"neurons", s.neurons},
          {"dead", s.dead},
          {"mean", numberOrNull(s.mean)},
          {"std", numberOrNull(s.deviation)},
          {"best", s.best.empty() ? Json() : Json(s.best.front().score)},
          {"worst", s.worst.empty() ? Json() : Json(s.worst.front().score)},
          {"quantiles", quantiles}};
}

}  // namespace sememe::cli
