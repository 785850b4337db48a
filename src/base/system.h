// The few questions we ask the operating system and the environment; every other file stays portable.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace base {

// An environment variable, or nothing when unset or empty.
std::optional<std::string> env(const char* name);

// The user's home directory; empty when there is none.
std::filesystem::path home_dir();

// Processors this process may use: affinity and cgroup quota counted, at least 1.
int usable_cpus();

// Asks the system, which gives the large tile registers (AMX) to processes that ask only, to give them to
// this one. False where there is no such thing.
bool allow_tiles();

// The dot products of bytes that ARM has had since v8.2. False on other processors.
bool has_dot_products();

// Bytes of physical memory that can still be taken without swapping (cgroup limit counted).
uint64_t available_memory_bytes();

// Bytes of this process that are resident now.
uint64_t resident_memory_bytes();

// What the file system says of a regular file, links followed. Same device and inode: the same file under two
// names.
struct FileStat {
    uint64_t device = 0, inode = 0;
    uint64_t bytes = 0;
    int64_t modified_unix_seconds = 0;
};
std::optional<FileStat> stat_file(
    const std::filesystem::path& path);  // nothing: absent, unreadable, or no regular file

// True when the stream (0, 1 or 2) is a terminal.
bool is_terminal(int fd);

// Splits a list of directories on ';', and on ':' where that is not a drive letter.
std::vector<std::string> split_path_list(const std::string& list);

}  // namespace base
