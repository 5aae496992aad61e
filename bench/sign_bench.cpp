// What signatures cost: the canonical forms of a body beside its bare digest, and verifying and
// signing a small message beside the bare cryptography.
#include <string>

#include <benchmark/benchmark.h>
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "proto/base/check.h"
#include "scan/sign/dkim_signer.h"
#include "scan/sign/message_verifier.h"
#include "scan/sign/private_key.h"
#include "scan/sign/public_key.h"
#include "tests/scan/sign/published_keys.h"

namespace ringpost::scan {
namespace {

using auth::Canonical;

constexpr WallTime now{1'528'700'000'000'000};

std::string body_of(std::size_t octets) {
  std::string body;
  while (body.size() < octets)
    body += "The quick brown fox jumps over the lazy dog, as it did on every other day.\r\n";
  return body;
}

void count_octets(benchmark::State& state, std::size_t octets) {
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(octets));
}

void digest(benchmark::State& state) {
  const std::string body = body_of(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) benchmark::DoNotOptimize(Sha256::of(body));
  count_octets(state, body.size());
}
BENCHMARK(digest)->Arg(4096)->Arg(100'000)->Arg(102'400);

void body_form(benchmark::State& state, Canonical form, bool hash) {
  const std::string body = body_of(100'000);
  for (auto _ : state) {
    auth::BodyCanonical canonical(form);
    Sha256 sum;
    std::size_t octets = 0;
    const auto take = [&](Bytes piece) {
      octets += piece.size();
      if (hash) sum.update(piece);
    };
    canonical.feed(bytes_of(body), take);
    canonical.finish(take);
    benchmark::DoNotOptimize(octets);
  }
  count_octets(state, body.size());
}
BENCHMARK_CAPTURE(body_form, simple, Canonical::Simple, false);
BENCHMARK_CAPTURE(body_form, relaxed, Canonical::Relaxed, false);
BENCHMARK_CAPTURE(body_form, simple_and_digest, Canonical::Simple, true);
BENCHMARK_CAPTURE(body_form, relaxed_and_digest, Canonical::Relaxed, true);

// Nobody publishes one for examples.
std::string rsa2048_private_pem() {
  const bssl::UniquePtr<RSA> key(RSA_new());
  const bssl::UniquePtr<BIGNUM> exponent(BN_new());
  CHECK(BN_set_word(exponent.get(), RSA_F4));
  CHECK(RSA_generate_key_ex(key.get(), 2048, exponent.get(), nullptr));
  const bssl::UniquePtr<BIO> out(BIO_new(BIO_s_mem()));
  CHECK(PEM_write_bio_RSAPrivateKey(out.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr));
  const std::uint8_t* octets = nullptr;
  std::size_t size = 0;
  CHECK(BIO_mem_contents(out.get(), &octets, &size));
  return std::string(octets, octets + size);
}

auth::DkimKey published(const std::string& record) { return *auth::parse_key_record(record); }

void verify_bare(benchmark::State& state, std::string_view pem, const std::string& record) {
  const Hash hash = Sha256::of("x");
  const std::string signature = PrivateKey::parse(pem)->sign(hash);
  const auth::DkimKey key = published(record);
  for (auto _ : state) CHECK(PublicKey::parse(key)->verify(hash, signature));
}
BENCHMARK_CAPTURE(verify_bare, rsa1024, rsa_private_pem, rsa_record);
BENCHMARK_CAPTURE(verify_bare, ed25519, ed25519_private_pem, ed25519_record);

// Without the key's reading, which a daemon does once.
void verify_bare_rsa2048(benchmark::State& state) {
  const Hash hash = Sha256::of("x");
  const auto secret = PrivateKey::parse(rsa2048_private_pem());
  const std::string signature = secret->sign(hash);
  const auto key = PublicKey::parse({.octets = secret->public_octets()});
  for (auto _ : state) CHECK(key->verify(hash, signature));
}
BENCHMARK(verify_bare_rsa2048);

void sign_bare(benchmark::State& state, std::string_view pem) {
  const auto key = PrivateKey::parse(pem);
  const Hash hash = Sha256::of("x");
  for (auto _ : state) benchmark::DoNotOptimize(key->sign(hash));
}
BENCHMARK_CAPTURE(sign_bare, rsa1024, rsa_private_pem);
BENCHMARK_CAPTURE(sign_bare, ed25519, ed25519_private_pem);
BENCHMARK_CAPTURE(sign_bare, rsa2048, rsa2048_private_pem());

// The published message has one signature of each kind.
void verify_message(benchmark::State& state) {
  const std::string message = published_signatures + published_message;
  for (auto _ : state) {
    MessageVerifier verifier;
    verifier.take(bytes_of(message));
    verifier.finish();
    auth::DnsMemo memo;
    CHECK(!verifier.evaluate_dkim(memo, now));
    answer_from(published_zone, memo);
    CHECK(verifier.evaluate_dkim(memo, now)->front().result == auth::Result::Pass);
  }
}
BENCHMARK(verify_message);

void unsigned_message(benchmark::State& state) {
  const std::string message = published_message + body_of(4096);
  for (auto _ : state) {
    MessageVerifier verifier;
    verifier.take(bytes_of(message));
    verifier.finish();
    auth::DnsMemo memo;
    CHECK(verifier.evaluate_dkim(memo, now)->empty());
  }
}
BENCHMARK(unsigned_message);

void sign_message(benchmark::State& state, std::string_view pem) {
  const std::string message = published_message + body_of(4096);
  const auto key = PrivateKey::parse(pem);
  for (auto _ : state) {
    SigningContent content(Canonical::Relaxed);
    content.take(bytes_of(message));
    content.finish();
    const UnsignedField field = dkim_field(
        content, {.algorithm = key->algorithm(), .domain = "a.example", .selector = "s"}, now);
    benchmark::DoNotOptimize(field.complete(key->sign(field.hash)));
  }
}
BENCHMARK_CAPTURE(sign_message, rsa1024, rsa_private_pem);
BENCHMARK_CAPTURE(sign_message, ed25519, ed25519_private_pem);

}  // namespace
}  // namespace ringpost::scan
