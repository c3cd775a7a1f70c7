// The command line's parsing: common options, and usage errors that name the nearest option.
#include "app/headless/command.h"

#include <algorithm>
#include <cstdlib>
#include <numeric>

namespace sememe::cli {

namespace {

size_t editDistance(const std::string& a, const std::string& b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i + 1;
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t substituted = diagonal + (a[i] != b[j]);
      diagonal = row[j + 1];
      row[j + 1] = std::min({substituted, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

std::string nearest(const std::string& given, const std::vector<std::string>& known) {
  std::string best;
  size_t least = SIZE_MAX;
  for (const std::string& name : known) {
    const size_t distance = editDistance(given, name);
    if (distance < least) {
      least = distance;
      best = name;
    }
  }
  return best;
}

// The first argument that nothing took, with what it may have meant.
[[noreturn]] void refuse(const CLI::App& command, const std::string& argument) {
  const std::string option = argument.substr(0, argument.find('='));
  if (!option.starts_with("-"))
    throw UsageError("unexpected argument \"" + argument + "\" (see sememe-cli " + command.get_name() + " --help)");
  std::vector<std::string> names;
  for (const CLI::Option* known : command.get_options())
    for (const std::string& name : known->get_lnames()) names.push_back("--" + name);
  throw UsageError("unknown option " + option + " of " + command.get_name() + "; the nearest is " +
                   nearest(option, names));
}

}  // namespace

CommandLine::CommandLine() : m_app("Sememe, headless: images to activations, dictionaries, indexed and scored neurons", "sememe-cli") {
  m_app.set_version_flag("--version", std::string("sememe-cli ") + SEMEME_VERSION);
  m_app.set_help_flag("--help", "Say what there is and stop");
  m_app.footer("Every command explains itself: sememe-cli COMMAND --help");
}

CLI::App& CommandLine::add(const std::string& name, const std::string& description, const std::string& example) {
  CLI::App* command = m_app.add_subcommand(name, description);
  command->set_help_flag("--help", "Say what the command does and stop");
  // Unknown arguments are collected, so that the message can name the nearest option.
  command->allow_extras();
  command->add_flag("--json", m_common.json, "Print one JSON document on stdout")->group("Common options");
  command->add_flag("--quiet", m_common.quiet, "No progress on stderr")->group("Common options");
  command->add_option("--device", m_common.device, "auto, cpu, cuda or cuda:N")->group("Common options")->type_name("DEVICE");
  command->add_option("--threads", m_common.threads, "Threads of computing and of reading images; 0: all")
      ->group("Common options")
      ->check(CLI::Range(0, 4096))
      ->type_name("N");
  command->add_option("--seed", m_common.seed, "Of everything that is drawn at random")->group("Common options")->type_name("N");
  command->footer("Example:\n  " + example);
  m_commands.push_back({command, {}});
  return *command;
}

const Command& CommandLine::parse(int argc, char** argv) {
  std::vector<std::string> names;
  for (const Command& command : m_commands) names.push_back(command.options->get_name());
  if (argc < 2) throw UsageError("no command given; there are " + std::accumulate(std::next(names.begin()), names.end(), names[0],
                                     [](std::string a, const std::string& b) { return std::move(a) + ", " + b; }));
  const std::string first = argv[1];
  if (!first.starts_with("-") && std::find(names.begin(), names.end(), first) == names.end())
    throw UsageError("unknown command \"" + first + "\"; the nearest is " + nearest(first, names));

  // An unknown option is the likelier mistake than the missing one that CLI11 would speak of, so it is looked for first.
  try {
    m_app.parse(argc, argv);
  } catch (const CLI::RequiredError&) {
    for (const Command& command : m_commands)
      if (command.options->parsed() && !command.options->remaining().empty())
        refuse(*command.options, command.options->remaining().front());
    throw;
  }
  for (const Command& command : m_commands) {
    if (!command.options->parsed()) continue;
    const std::vector<std::string> left = command.options->remaining();
    if (!left.empty()) refuse(*command.options, left.front());
    return command;
  }
  throw UsageError("no command given (see sememe-cli --help)");
}

bool CommandLine::seedGiven() const {
  return std::any_of(m_commands.begin(), m_commands.end(),
                     [](const Command& command) { return command.options->parsed() && command.options->count("--seed") > 0; });
}

std::filesystem::path demoResources() {
  if (const char* given = std::getenv("SEMEME_RESOURCES")) return std::filesystem::path(given) / "demo";
  std::error_code ignored;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", ignored);
  const auto installed = program.parent_path().parent_path() / "share/sememe/demo";
  if (!program.empty() && std::filesystem::is_directory(installed, ignored)) return installed;
  return std::filesystem::path(SEMEME_SOURCE_RESOURCES) / "demo";
}

}  // namespace sememe::cli
