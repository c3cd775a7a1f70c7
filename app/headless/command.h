// What every command of sememe-cli shares: the common options, what it is given while it runs, what it hands back.
#pragma once

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <stop_token>
#include <string>
#include <vector>

#include "core/base/progress.h"

namespace sememe::cli {

using Json = nlohmann::ordered_json;

struct CommonOptions {
  bool json = false;
  bool quiet = false;
  std::string device = "auto";
  int threads = 0;  // 0: as many as the machine has
  uint64_t seed = 0;
};

// What a running command is given. It runs on the main thread.
struct Session {
  const CommonOptions& common;
  std::stop_token stop;
  ProgressFn progress;
};

// What a command says on stdout: one of the two, by --json.
struct Outcome {
  Json json;
  std::string text;  // ends with a newline
};

// Options that do not fit together: exit status 2, as for an unknown option.
class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct Command {
  CLI::App* options = nullptr;
  std::function<Outcome(const Session&)> run;
};

// The command line: its commands and their options. Command functions below add themselves to it.
class CommandLine {
 public:
  CommandLine();
  CommandLine(const CommandLine&) = delete;
  CommandLine& operator=(const CommandLine&) = delete;

  // A command with the common options; the example shows in its --help.
  CLI::App& add(const std::string& name, const std::string& description, const std::string& example);
  // What runs when the command added last was given.
  void onRun(std::function<Outcome(const Session&)> run) { m_commands.back().run = std::move(run); }

  // The command that the arguments name. Throws CLI::ParseError (also for --help and --version), UsageError (an unknown
  // option, naming the nearest).
  const Command& parse(int argc, char** argv);

  const CommonOptions& common() const { return m_common; }
  bool seedGiven() const;  // by the command that runs
  CLI::App& app() { return m_app; }

 private:
  CLI::App m_app;
  CommonOptions m_common;
  std::vector<Command> m_commands;
};

void addDemo(CommandLine& line);
void addInspect(CommandLine& line);
void addExtract(CommandLine& line);
void addEmbed(CommandLine& line);
void addTrain(CommandLine& line);
void addEncode(CommandLine& line);
void addExport(CommandLine& line);
void addIndex(CommandLine& line);
void addScore(CommandLine& line);
void addUniqueness(CommandLine& line);
void addHierarchy(CommandLine& line);
void addScores(CommandLine& line);
void addSweep(CommandLine& line);
void addBenchmark(CommandLine& line);
void addBaseline(CommandLine& line);
void addSteer(CommandLine& line);
void addSteeringScore(CommandLine& line);

// Where the demo's models lie: SEMEME_RESOURCES, beside an installed program, or in the source tree it was built from.
std::filesystem::path demoResources();

}  // namespace sememe::cli
