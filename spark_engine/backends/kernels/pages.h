// Memory of a whole matrix, and giving back memory whose contents have been laid out anew elsewhere.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <new>

#if defined(_WIN32)
#define WIN32_LEAN_AND_MEAN
#define NOMINMAX
#include <windows.h>
#elif defined(__linux__)
#include <sys/mman.h>
#endif

// Bytes on large pages where the system has them: reading through hundreds of megabytes finds its way quicker.
class Pages {
 public:
  explicit Pages(size_t bytes) : raw_(new uint8_t[bytes + kLarge]) {
    const uintptr_t raw = reinterpret_cast<uintptr_t>(raw_), align = bytes < kLarge ? kLine : kLarge;
    start_ = raw_ + (align - raw % align) % align;
#if defined(MADV_HUGEPAGE)
    if (bytes >= kLarge) madvise(start_, bytes / kLarge * kLarge, MADV_HUGEPAGE);
#endif
  }
  ~Pages() { delete[] raw_; }
  Pages(const Pages&) = delete;
  Pages& operator=(const Pages&) = delete;

  uint8_t* get() const { return start_; }

 private:
  static constexpr size_t kLine = 64, kLarge = 2 * 1024 * 1024;
  uint8_t* raw_;
  uint8_t* start_;
};

#if defined(__linux__)
// Whether an address lies in a file's pages, which can be read again.
inline bool is_of_a_file(uintptr_t address) {
  std::FILE* maps = std::fopen("/proc/self/maps", "r");
  if (!maps) return false;
  char line[512];
  bool told = false;
  unsigned long from, to, inode;
  while (std::fgets(line, sizeof line, maps))
    if (std::sscanf(line, "%lx-%lx %*s %*s %*s %lu", &from, &to, &inode) == 3 && from <= address && address < to) {
      told = inode != 0;
      break;
    }
  std::fclose(maps);
  return told;
}
#endif

// The memory stays readable and keeps its contents. Pages of a file leave this process; the system may keep them, for
// the next one that opens the file.
inline void let_go(const void* start, size_t bytes) {
  constexpr uintptr_t kPage = 4096;
  const uintptr_t from = (reinterpret_cast<uintptr_t>(start) + kPage - 1) / kPage * kPage;
  const uintptr_t to = (reinterpret_cast<uintptr_t>(start) + bytes) / kPage * kPage;
  if (to <= from) return;
#if defined(_WIN32)
  VirtualUnlock(reinterpret_cast<void*>(from), to - from);  // takes pages that are not locked out of the working set
#elif defined(__linux__)
  if (is_of_a_file(from) && is_of_a_file(to - 1)) madvise(reinterpret_cast<void*>(from), to - from, MADV_DONTNEED);
#endif
}
