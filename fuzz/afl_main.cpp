// AFL++ in persistent mode: one process runs many inputs, each from the shared test case buffer.
#include <cstdint>

#include <unistd.h>

extern "C" {
int LLVMFuzzerTestOneInput(const std::uint8_t* octets, std::size_t size);
int __afl_persistent_loop(unsigned int count);
void __afl_manual_init(void);
extern unsigned int* __afl_fuzz_len;
extern unsigned char* __afl_fuzz_ptr;
extern const int __afl_sharedmem_fuzzing;
const int __afl_sharedmem_fuzzing = 1;
}

namespace {
constexpr unsigned runs_per_process = 10'000;
constexpr std::size_t input_octets_max = 1 << 20;
std::uint8_t room[input_octets_max];
}  // namespace

int main() {
  __afl_manual_init();
  while (__afl_persistent_loop(runs_per_process)) {
    if (__afl_fuzz_ptr != nullptr) {
      LLVMFuzzerTestOneInput(__afl_fuzz_ptr, *__afl_fuzz_len);
    } else if (const ssize_t got = read(0, room, sizeof room); got >= 0) {
      LLVMFuzzerTestOneInput(room, static_cast<std::size_t>(got));
    }
  }
  return 0;
}
