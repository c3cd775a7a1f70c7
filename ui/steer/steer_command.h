// The command line that gives what the Steer page shows.
#pragma once

#include <QString>

#include "core/pipeline/steer.h"
#include "ui/steer/steer_edits.h"

namespace sememe {

struct SteerScene {
  SteeringModelParams model;
  QString image;     // a file
  QString question;
  SamplingOptions sampling;
  SteerEdits edits;
};

// "sememe-cli steer --model … --baseline", quoted for a POSIX shell.
QString steerCommand(const SteerScene& scene);

// As one word for a POSIX shell: as it is where that is safe, else in single quotes.
QString shellWord(const QString& text);

}  // namespace sememe
