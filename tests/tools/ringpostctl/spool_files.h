// A spool in real files, written by the real LogWriter, for the tools that read it without the
// daemon.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "store/log/writer.h"

namespace ringpost::ctl {

class SpoolFiles {
 public:
  static constexpr std::uint32_t segment_octets = 32 * store::block_octets;

  explicit SpoolFiles(std::filesystem::path folder)
      : folder_(std::move(folder)),
        staging_(staging_octets + store::block_octets),
        writer_(setup()) {
    std::filesystem::create_directories(folder_);
  }

  std::filesystem::path file(std::uint32_t slot) const {
    return folder_ / ("segment-" + std::to_string(slot));
  }

  // The segments to be used, in this order, each in a slot of its own.
  void provide(std::uint32_t slot, std::uint32_t segment) {
    images_[slot].resize(segment_octets);
    fresh_.push_back({.slot = slot,
                      .segment = store::SegmentId{segment},
                      .life = 1000u + segment,
                      .opened = WallTime{5}});
    feed();
  }

  store::Envelope accept(QueueId id, std::string_view content, std::size_t recipients = 1) {
    store::Envelope envelope;
    envelope.received = WallTime{1'795'392'000'000'000};
    envelope.reverse_path = "sender@example.test";
    envelope.hello = "client.example.test";
    for (std::size_t i = 0; i < recipients; ++i) {
      store::Recipient& recipient = envelope.recipients.emplace_back();
      recipient.accepted_address = "user" + std::to_string(i) + "@example.test";
      recipient.action = "local";
    }
    for (std::string_view rest = content; !rest.empty();) {
      const std::size_t taken = writer_.append_content(id, bytes_of(rest), envelope.extents);
      if (taken == 0) write();
      rest.remove_prefix(taken);
    }
    while (!writer_.append(id, envelope)) write();
    write();
    return envelope;
  }

  void deliver(QueueId id, std::uint32_t recipient) {
    store::Outcome outcome;
    outcome.recipient = recipient;
    outcome.progress.status = store::DeliveryStatus::Delivered;
    outcome.progress.attempts = 1;
    while (!writer_.append(id, outcome)) write();
    write();
  }

  void complete(QueueId id) {
    while (!writer_.append_completed(id)) write();
    write();
  }

  // Writes everything that waits to the files.
  void write() {
    while (const auto intent = writer_.next_intent(store::LogWriter::Flush::Everything)) {
      std::size_t at = intent->offset;
      for (const Bytes part : intent->parts) {
        std::ranges::copy(part, images_[intent->slot].begin() + static_cast<std::ptrdiff_t>(at));
        at += part.size();
      }
      writer_.completed({});
    }
    feed();
    for (const auto& [slot, image] : images_) save(slot, image);
  }

  void flip_bit(std::uint32_t slot, std::size_t offset) {
    images_[slot][offset] ^= std::byte{0x10};
    save(slot, images_[slot]);
  }
  // Flips one bit of the text, wherever it was written; false: it is in no segment.
  bool flip_bit_in(std::string_view text) {
    for (auto& [slot, image] : images_) {
      const std::size_t at = text_of(image).find(text);
      if (at == std::string_view::npos) continue;
      flip_bit(slot, at);
      return true;
    }
    return false;
  }
  std::uint32_t segment() const { return writer_.segment().value; }

 private:
  void feed() {
    if (fresh_.empty() || !writer_.needs_segment()) return;
    writer_.provide_segment(fresh_.front());
    fresh_.pop_front();
  }

  static constexpr std::size_t staging_octets = 16 * store::block_octets;

  store::WriterSetup setup() {
    const auto address = reinterpret_cast<std::uintptr_t>(staging_.data());
    const std::size_t lead =
        (store::block_octets - address % store::block_octets) % store::block_octets;
    store::WriterSetup setup;
    setup.segment_octets = segment_octets;
    setup.staging = MutableBytes(staging_).subspan(lead, staging_octets);
    setup.raw_octets_per_intent_max = 8 * store::block_octets;
    return setup;
  }

  void save(std::uint32_t slot, const std::vector<std::byte>& image) const {
    std::ofstream stream(file(slot), std::ios::binary);
    const std::string_view text = text_of(image);
    stream.write(text.data(), static_cast<std::streamsize>(text.size()));
    ASSERT_TRUE(stream.good());
  }

  std::filesystem::path folder_;
  std::vector<std::byte> staging_;
  store::LogWriter writer_;
  std::map<std::uint32_t, std::vector<std::byte>> images_;
  std::deque<store::FreshSegment> fresh_;
};

}  // namespace ringpost::ctl
