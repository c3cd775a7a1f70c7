// The tables of a workspace file: making them, bringing older files up to date, refusing what is not ours.
#pragma once

#include "core/store/database.h"

namespace sememe {

constexpr int kSchemaVersion = 3;
constexpr int kOldestReadable = 1;  // versions since then have only added tables, which read as empty where they are not there
constexpr int kApplicationId = 0x534D4D45;  // "SMME" in the file's header

// Checks that `database` is a workspace and, when it can be written, sets the journal mode and brings the
// tables up to date, each version in its own transaction. An empty file becomes a workspace where `mode` is
// Create. Several programs may do so at the same moment. Throws Error: Unsupported (another program's file; a
// newer version's; with ReadOnly one older than kOldestReadable), Corrupt (empty, damaged), and as Database does.
void prepareSchema(Database& database, OpenMode mode);

}  // namespace sememe
