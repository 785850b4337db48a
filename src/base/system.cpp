#include "base/system.h"

#include <pwd.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#if defined(__aarch64__)
#include <sys/auxv.h>
#endif

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdlib>
#include <fstream>

namespace base {
namespace {

std::optional<uint64_t> read_number(const char* path) {
    std::ifstream file(path);
    uint64_t value = 0;
    if (file >> value) return value;
    return std::nullopt;  // "max", or no such file
}

// Memory of the cgroup that only caches files and is given back when asked for: a mapped model, for one.
uint64_t cgroup_file_cache_bytes() {
    std::ifstream file("/sys/fs/cgroup/memory.stat");
    uint64_t total = 0, bytes = 0;
    for (std::string key; file >> key >> bytes;)
        if (key == "inactive_file" || key == "active_file") total += bytes;
    return total;
}

// The quota of cgroup v2 in processors, when one is set.
std::optional<int> cgroup_cpus() {
    std::ifstream file("/sys/fs/cgroup/cpu.max");
    double quota = 0, period = 0;
    if (file >> quota >> period && period > 0)
        return std::max(1, static_cast<int>(std::floor(quota / period)));
    return std::nullopt;
}

}  // namespace

std::optional<std::string> env(const char* name) {
    const char* value = std::getenv(name);
    if (value == nullptr || *value == '\0') return std::nullopt;
    return std::string(value);
}

std::filesystem::path home_dir() {
    if (auto home = env("HOME")) return *home;
    if (auto profile = env("USERPROFILE")) return *profile;
    const passwd* user = ::getpwuid(::getuid());
    return user != nullptr ? user->pw_dir : "";
}

bool allow_tiles() {
#if defined(__x86_64__)
    constexpr int kRequestPermission = 0x1023, kTileData = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
    return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
#else
    return false;
#endif
}

bool has_dot_products() {
#if defined(__aarch64__)
    return (getauxval(AT_HWCAP) & HWCAP_ASIMDDP) != 0;
#else
    return false;
#endif
}

int usable_cpus() {
    cpu_set_t set;
    int count = 1;
    if (::sched_getaffinity(0, sizeof set, &set) == 0) count = std::max(1, CPU_COUNT(&set));
    if (auto quota = cgroup_cpus()) count = std::min(count, *quota);
    return count;
}

uint64_t available_memory_bytes() {
    uint64_t available = 0;
    std::ifstream info("/proc/meminfo");
    for (std::string key; info >> key;) {
        uint64_t kib = 0;
        if (key == "MemAvailable:" && info >> kib) available = kib * 1024;
        info.ignore(256, '\n');
    }
    const auto limit = read_number("/sys/fs/cgroup/memory.max");
    const auto used = read_number("/sys/fs/cgroup/memory.current");
    if (limit && used) {
        const uint64_t held = *used - std::min(*used, cgroup_file_cache_bytes());
        available = std::min(available, *limit > held ? *limit - held : 0);
    }
    return available;
}

uint64_t resident_memory_bytes() {
    std::ifstream file("/proc/self/statm");
    uint64_t total_pages = 0, resident_pages = 0;
    file >> total_pages >> resident_pages;
    return resident_pages * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
}

std::optional<FileStat> stat_file(const std::filesystem::path& path) {
    struct ::stat status{};
    if (::stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
    return FileStat{.device = status.st_dev,
                    .inode = status.st_ino,
                    .bytes = static_cast<uint64_t>(status.st_size),
                    .modified_unix_seconds = status.st_mtime};
}

bool is_terminal(int fd) { return ::isatty(fd) == 1; }

std::vector<std::string> split_path_list(const std::string& list) {
    std::vector<std::string> parts(1);
    for (size_t i = 0; i < list.size(); ++i) {
        const bool drive = list[i] == ':' && parts.back().size() == 1 &&
                           std::isalpha(static_cast<unsigned char>(parts.back()[0])) && i + 1 < list.size() &&
                           (list[i + 1] == '\\' || list[i + 1] == '/') && list.find(';') != std::string::npos;
        if (list[i] == ';' || (list[i] == ':' && !drive))
            parts.emplace_back();
        else
            parts.back() += list[i];
    }
    std::erase_if(parts, [](const std::string& part) { return part.empty(); });
    return parts;
}

}  // namespace base
