// One task at a time writes what is pending, batch by batch; a batch belongs to one period.
#include "engine/mta/dmarc_rows.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include "engine/mta/ascii_domain.h"
#include "engine/mta/sender_check.h"
#include "engine/ring/await.h"
#include "store/dmarc/row.h"

namespace ringpost::mta {
namespace {

// Enough for a write of its own.
constexpr std::size_t write_octets = 64 * 1024;

auth::PolicyOverride reason_of(const SenderCheck& check, auth::DmarcPolicy done) {
  const auth::DmarcResult& dmarc = check.dmarc();
  const auth::DmarcPolicy wanted = dmarc.policy.value_or(auth::DmarcPolicy::None);
  if (dmarc.result != auth::Result::Fail || done == wanted) return auth::PolicyOverride::None;
  if (check.is_vouched_for()) return auth::PolicyOverride::TrustedForwarder;
  const bool is_sampled = dmarc.record->percent < 100 && done == dmarc.disposition;
  return is_sampled ? auth::PolicyOverride::SampledOut : auth::PolicyOverride::LocalPolicy;
}

auth::PublishedPolicy published_of(const auth::DmarcResult& dmarc) {
  const auth::DmarcRecord& record = *dmarc.record;
  return {.domain = dmarc.record_domain,
          .policy = record.policy,
          .subdomain_policy = record.subdomain_policy.value_or(record.policy),
          .strict_dkim = record.strict_dkim,
          .strict_spf = record.strict_spf,
          .percent = record.percent,
          .failure_options = record.failure_options,
          .aggregate_uris = record.aggregate_uris};
}

}  // namespace

auth::DmarcRow dmarc_row_of(const SenderCheck& check, std::string_view client,
                            std::string_view reverse_path, WallTime now) {
  const auth::DmarcPolicy done = check.disposition();
  const std::size_t at = reverse_path.rfind('@');
  auth::DmarcRow row{.second = static_cast<std::uint64_t>(now.seconds()),
                     .published = published_of(check.dmarc()),
                     .source = std::string(client),
                     .disposition = done,
                     .reason = reason_of(check, done),
                     .dkim_aligned = check.dmarc().dkim_aligned,
                     .spf_aligned = check.dmarc().spf_aligned,
                     .is_report = check.is_report(),
                     .header_from = check.dmarc().domain,
                     .spf_domain = check.spf().domain,
                     .spf_of_helo = check.spf().identity == auth::SpfIdentity::Helo,
                     .spf = check.spf().result};
  if (at != std::string_view::npos) row.envelope_from = ascii_domain(reverse_path.substr(at + 1));
  const std::size_t signatures = std::min(check.dkim().size(), auth::row_signatures_max);
  for (std::size_t i = 0; i < signatures; ++i) {
    const auth::DkimResult& one = check.dkim()[i];
    row.signatures.push_back({one.domain, one.selector, one.result});
  }
  return row;
}

auth::FailureNote failure_note_of(const SenderCheck& check, std::string_view client,
                                  std::string_view reverse_path, std::string results,
                                  WallTime now) {
  const SenderCheck::Fate fate = check.fate();
  auth::FailureNote note{.received = now,
                         .domain = check.dmarc().record_domain,
                         .uris = check.dmarc().record->failure_uris,
                         .reverse_path = std::string(reverse_path),
                         .client = std::string(client),
                         .results = std::move(results),
                         .delivery = fate == SenderCheck::Fate::Accept ? "delivered"
                                     : fate == SenderCheck::Fate::Junk ? "spam"
                                                                       : "reject",
                         .dkim_aligned = check.dmarc().dkim_aligned,
                         .spf_aligned = check.dmarc().spf_aligned,
                         .header = check.header_text(auth::failure_header_octets_max)};
  const auto failed = std::ranges::find_if(check.dkim(), [](const auth::DkimResult& one) {
    return one.result == auth::Result::Fail || one.result == auth::Result::PermError;
  });
  if (failed != check.dkim().end()) {
    note.dkim_domain = failed->domain;
    note.dkim_selector = failed->selector;
  }
  return note;
}

DmarcRows::DmarcRows(ring::Core& core, DmarcFolder* folder, unsigned index,
                     observe::DmarcMetrics& metrics, observe::EventSink& events)
    : core_(core), folder_(folder), index_(index), metrics_(metrics), events_(events) {}

DmarcRows::~DmarcRows() {
  core_.timers().disarm(timer_);
  if (file_ >= 0) close(file_);
}

void DmarcRows::put(const auth::DmarcRow& row, Duration interval) {
  if (folder_ == nullptr || pending_octets_ >= dmarc_pending_octets_max) return metrics_.lost.add();
  const ReportPeriod period = folder_->period_of(row.second, interval);
  if (pending_.empty() || pending_.back().period != period) pending_.push_back({period, {}, 0});
  Batch& batch = pending_.back();
  const std::size_t before = batch.octets.size();
  store::append_row(batch.octets, row);
  pending_octets_ += batch.octets.size() - before;
  ++batch.rows;
  if (pending_octets_ >= write_octets) is_due_ = true;
  if (!is_due_ && !timer_.armed()) core_.timers().arm(timer_, core_.now() + dmarc_delay_max);
}

void DmarcRows::flush(std::function<void()> done) {
  if (idle()) return done();
  waiters_.push_back(std::move(done));
  is_due_ = true;
}

void DmarcRows::end_of_turn() {
  if (idle() || !scope_.idle()) return;
  if (!is_due_ && !core_.stopping()) return;
  core_.timers().disarm(timer_);
  is_due_ = false;
  ring::Task<void>::spawn(scope_, write_out());
}

ring::Task<void> DmarcRows::write_out() {
  while (!pending_.empty()) {
    const Batch batch = std::move(pending_.front());
    pending_.pop_front();
    pending_octets_ -= batch.octets.size();
    const bool is_written = co_await write(batch);
    (is_written ? metrics_.rows : metrics_.lost).add(batch.rows);
    if (is_written) is_failing_ = false;
  }
  for (const std::function<void()>& done : std::exchange(waiters_, {})) done();
}

ring::Task<bool> DmarcRows::write(const Batch& batch) {
  const bool is_open = file_ >= 0 && period_ == batch.period;
  if (!is_open && !co_await open(batch.period)) co_return false;
  if (written_ + batch.octets.size() > dmarc_file_octets_max) co_return false;
  std::size_t done = 0;
  while (done < batch.octets.size()) {
    const iovec part{const_cast<char*>(batch.octets.data()) + done, batch.octets.size() - done};
    const int result = co_await ring::write_vector(core_.ring(), file_, std::span(&part, 1),
                                                   written_ + done, RWF_DSYNC);
    if (result == -EINTR || result == -EAGAIN) continue;
    if (result <= 0) {
      // What was torn is written over by the next batch: nothing stands behind it, and a disk that
      // is full for long does not make a file for each batch.
      fail("write", result == 0 ? EIO : -result);
      co_return false;
    }
    done += static_cast<std::size_t>(result);
  }
  written_ += done;
  co_return true;
}

ring::Task<bool> DmarcRows::open(ReportPeriod period) {
  if (file_ >= 0) co_await ring::close_file(core_.ring(), std::exchange(file_, -1));
  std::string name = folder_->rows_name(period, index_);
  // A clock that went back comes to a period again.
  for (unsigned again = 1; again < 100; ++again) {
    file_ = co_await ring::open_at(core_.ring(), folder_->file(), name.c_str(),
                                   O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (file_ != -EEXIST) break;
    name = folder_->rows_name(period, index_) + "." + std::to_string(again);
  }
  if (file_ < 0) {
    fail("open", -file_);
    file_ = -1;
    co_return false;
  }
  period_ = period;
  written_ = 0;
  // The name has to survive as well.
  static_cast<void>(co_await ring::sync_file(core_.ring(), folder_->file()));
  co_return true;
}

void DmarcRows::fail(std::string_view operation, int error) {
  if (std::exchange(is_failing_, true)) return;
  const Fault fault{operation, error, folder_->path()};
  events_.emit(core_.wall(), observe::FaultSeen{.where = "DMARC reports", .fault = fault});
}

}  // namespace ringpost::mta
