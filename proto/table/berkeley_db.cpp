// Berkeley DB's pages: every leaf page is looked at, in the order of the file; inner pages and the
// free list need not be followed, since a page that is not in use has no type.
#include "proto/table/berkeley_db.h"

#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace ringpost::table {
namespace {

constexpr std::uint32_t btree_magic = 0x053162;
constexpr std::uint32_t hash_magic = 0x061561;
constexpr std::size_t page_header_octets = 26;  // before the offsets of the items
constexpr std::uint32_t page_octets_min = 512;
constexpr std::uint32_t page_octets_max = 65'536;

// Record numbers and several databases in one file; in a btree also compression.
constexpr std::uint32_t hash_flags_refused = 0x02;
constexpr std::uint32_t btree_flags_refused = 0x02 | 0x20 | 0x80;
// Kinds of pages.
constexpr std::uint8_t page_hash_unsorted = 2;
constexpr std::uint8_t page_btree_leaf = 5;
constexpr std::uint8_t page_overflow = 7;
constexpr std::uint8_t page_hash = 13;
// Kinds of items; the numbers 1 and 3 mean the same in both kinds of file.
constexpr std::uint8_t item_data = 1;
constexpr std::uint8_t item_overflow = 3;
constexpr std::uint8_t item_deleted = 0x80;  // btree only

// Numbers at any offset that was checked; the file has the byte order of the machine that wrote it,
// and a magic number that reads right means that it is ours.
template <class T>
T number_at(Bytes octets, std::size_t offset) {
  T value{};
  std::memcpy(&value, octets.data() + offset, sizeof value);
  return value;
}

class Reader {
 public:
  explicit Reader(Bytes file) : file_(file) {}

  std::expected<std::vector<DatabaseRow>, std::string> read() {
    if (auto refused = check_head()) return std::unexpected(std::move(*refused));
    for (std::size_t page = 1; page < file_.size() / page_octets_; ++page)
      if (!read_page(page))
        return std::unexpected(fmt::format("page {} is damaged or holds duplicates", page));
    return std::move(rows_);
  }

 private:
  std::optional<std::string> check_head();
  bool read_page(std::size_t number);
  std::optional<std::string> item(Bytes page, std::size_t index);
  std::optional<std::string> hash_item(Bytes page, std::size_t index);
  std::optional<std::string> btree_item(Bytes page, std::size_t index);
  std::optional<std::string> overflow(Bytes reference);
  std::optional<std::string> take(Bytes octets);
  Bytes page_at(std::size_t number) const {
    return file_.subspan(number * page_octets_, page_octets_);
  }
  static std::size_t offset_of(Bytes page, std::size_t index) {
    return number_at<std::uint16_t>(page, page_header_octets + 2 * index);
  }

  Bytes file_;
  bool is_hash_ = false;
  std::uint32_t page_octets_ = 0;
  std::size_t taken_octets_ = 0;  // never more than the file has: chains cannot be used twice
  std::vector<DatabaseRow> rows_;
};

std::optional<std::string> Reader::check_head() {
  if (file_.size() < page_octets_min) return "not a Berkeley DB file: too short";
  const auto magic = number_at<std::uint32_t>(file_, 12);
  const auto old_magic = number_at<std::uint32_t>(file_, 0);
  if (magic != btree_magic && magic != hash_magic) {
    const bool old = old_magic == hash_magic || old_magic == btree_magic ||
                     old_magic == __builtin_bswap32(hash_magic);
    return old ? "a file of Berkeley DB 1.85; print it with makemap -U and make it anew"
               : "not a Berkeley DB file of this machine's byte order";
  }
  is_hash_ = magic == hash_magic;
  const auto version = number_at<std::uint32_t>(file_, 16);
  if (version < (is_hash_ ? 7 : 8) || version > 10)
    return fmt::format("version {} of the file format is not known", version);
  page_octets_ = number_at<std::uint32_t>(file_, 20);
  const bool size_fits = page_octets_ >= page_octets_min && page_octets_ <= page_octets_max &&
                         (page_octets_ & (page_octets_ - 1)) == 0 &&
                         file_.size() % page_octets_ == 0;
  if (!size_fits) return "damaged: its size is not a number of pages";
  const auto encryption = number_at<std::uint8_t>(file_, 24);
  const auto page_flags = number_at<std::uint8_t>(file_, 26);
  if (encryption != 0) return "the file is encrypted";
  if (page_flags != 0) return "files with checksums or partitions cannot be read";
  const auto flags = number_at<std::uint32_t>(file_, 48);
  if ((flags & (is_hash_ ? hash_flags_refused : btree_flags_refused)) != 0)
    return "not a plain hash or btree: it holds several databases or is compressed";
  const auto last_page = number_at<std::uint32_t>(file_, 32);
  if (file_.size() / page_octets_ <= last_page) return "damaged: pages are missing at its end";
  return std::nullopt;
}

bool Reader::read_page(std::size_t number) {
  const Bytes page = page_at(number);
  const auto kind = number_at<std::uint8_t>(page, 25);
  const bool is_leaf =
      is_hash_ ? kind == page_hash || kind == page_hash_unsorted : kind == page_btree_leaf;
  if (!is_leaf) return true;
  const std::size_t entries = number_at<std::uint16_t>(page, 20);
  if (entries % 2 != 0 || page_header_octets + 2 * entries > page.size()) return false;
  for (std::size_t i = 0; i < entries; i += 2) {
    auto key = item(page, i);
    auto value = item(page, i + 1);
    if (!key || !value) return false;
    if (is_hash_ || (number_at<std::uint8_t>(page, offset_of(page, i + 1) + 2) & item_deleted) == 0)
      rows_.push_back({std::move(*key), std::move(*value)});
  }
  return true;
}

std::optional<std::string> Reader::item(Bytes page, std::size_t index) {
  return is_hash_ ? hash_item(page, index) : btree_item(page, index);
}

// Items of a hash page lie from its end downwards; each reaches up to the one before it.
std::optional<std::string> Reader::hash_item(Bytes page, std::size_t index) {
  const std::size_t begin = offset_of(page, index);
  const std::size_t end = index == 0 ? page.size() : offset_of(page, index - 1);
  if (begin < page_header_octets || begin >= end || end > page.size()) return std::nullopt;
  const Bytes octets = page.subspan(begin, end - begin);
  const auto kind = number_at<std::uint8_t>(octets, 0);
  if (kind == item_data) return take(octets.subspan(1));
  if (kind == item_overflow && octets.size() >= 12) return overflow(octets.subspan(4, 8));
  return std::nullopt;
}

std::optional<std::string> Reader::btree_item(Bytes page, std::size_t index) {
  const std::size_t begin = offset_of(page, index);
  if (begin < page_header_octets || begin + 3 > page.size()) return std::nullopt;
  const std::size_t octets = number_at<std::uint16_t>(page, begin);
  const auto kind =
      static_cast<std::uint8_t>(number_at<std::uint8_t>(page, begin + 2) & ~item_deleted);
  if (kind == item_data && begin + 3 + octets <= page.size())
    return take(page.subspan(begin + 3, octets));
  if (kind == item_overflow && begin + 12 <= page.size())
    return overflow(page.subspan(begin + 4, 8));
  return std::nullopt;
}

// What does not fit on a page: a chain of pages. `reference` has its first page and its length.
std::optional<std::string> Reader::overflow(Bytes reference) {
  std::size_t number = number_at<std::uint32_t>(reference, 0);
  const std::size_t wanted = number_at<std::uint32_t>(reference, 4);
  std::string text;
  while (text.size() < wanted) {
    if (number == 0 || number >= file_.size() / page_octets_) return std::nullopt;
    const Bytes page = page_at(number);
    const std::size_t octets = number_at<std::uint16_t>(page, 22);
    if (number_at<std::uint8_t>(page, 25) != page_overflow || octets == 0 ||
        page_header_octets + octets > page.size())
      return std::nullopt;
    taken_octets_ += octets;
    if (taken_octets_ > file_.size()) return std::nullopt;
    text += text_of(page.subspan(page_header_octets, octets));
    number = number_at<std::uint32_t>(page, 16);
  }
  if (text.size() != wanted) return std::nullopt;
  if (text.ends_with('\0')) text.pop_back();
  return text;
}

std::optional<std::string> Reader::take(Bytes octets) {
  taken_octets_ += octets.size();
  if (taken_octets_ > file_.size()) return std::nullopt;
  std::string text(text_of(octets));
  if (text.ends_with('\0')) text.pop_back();
  return text;
}

}  // namespace

std::expected<std::vector<DatabaseRow>, std::string> read_berkeley_db(Bytes file) {
  return Reader(file).read();
}

}  // namespace ringpost::table
