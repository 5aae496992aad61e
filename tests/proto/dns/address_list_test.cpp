// Names and answers of lists of addresses.
#include "proto/dns/address_list.h"

#include <gtest/gtest.h>

namespace ringpost::dns {
namespace {

conf::NetAddress inet(std::string_view text) { return conf::parse_net_address(text).value(); }
Name name(std::string_view text) { return Name::parse(text).value(); }

Answer found(std::initializer_list<std::string_view> addresses) {
  Answer answer{.outcome = Outcome::Found};
  for (const std::string_view address : addresses) answer.records.emplace_back(inet(address));
  return answer;
}

std::vector<ReturnCode> codes(std::initializer_list<std::string_view> texts) {
  std::vector<ReturnCode> all;
  for (const std::string_view text : texts) all.push_back(parse_return_code(text).value());
  return all;
}

Listing judge(std::initializer_list<std::string_view> addresses,
              std::initializer_list<std::string_view> wanted = {}) {
  return judge_listing(found(addresses), codes(wanted));
}

TEST(AddressList, NamesOfBothFamilies) {
  const Name zone = name("bl.example.org");
  EXPECT_EQ(listing_name(inet("192.0.2.99"), zone), name("99.2.0.192.bl.example.org"));
  // The example of RFC 5782 2.4.
  EXPECT_EQ(listing_name(inet("2001:db8:1:2:3:4:567:89ab"), zone),
            name("b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.8.b.d.0.1.0.0.2.bl.example.org"));
}

TEST(AddressList, AZoneThatLeavesNoRoom) {
  const std::string label(60, 'x');
  const Name zone = name(label + "." + label + "." + label + "." + label);
  EXPECT_FALSE(listing_name(inet("2001:db8::1"), zone));
  EXPECT_FALSE(listing_name(inet("192.0.2.199"), zone));
}

TEST(AddressList, OnlyWordsOfListsCount) {
  EXPECT_EQ(judge({"127.0.0.2"}), Listing::Listed);
  EXPECT_EQ(judge({"127.255.254.255"}), Listing::Listed);
  EXPECT_EQ(judge({"127.255.255.254"}), Listing::Refused);
  EXPECT_EQ(judge({"192.0.2.1"}), Listing::Strange);
  EXPECT_EQ(judge({"192.0.2.1", "127.0.0.9"}), Listing::Listed);
  EXPECT_EQ(judge({"127.255.255.1", "192.0.2.1"}), Listing::Refused);
}

TEST(AddressList, NoRecordIsNoListing) {
  EXPECT_EQ(judge_listing({.outcome = Outcome::NoName}, {}), Listing::NotListed);
  EXPECT_EQ(judge_listing({.outcome = Outcome::NoData}, {}), Listing::NotListed);
  EXPECT_EQ(judge_listing({.outcome = Outcome::Failed}, {}), Listing::Failed);
}

TEST(AddressList, CodesThatAreWanted) {
  EXPECT_EQ(judge({"127.0.0.3"}, {"127.0.0.2"}), Listing::NotListed);
  EXPECT_EQ(judge({"127.0.0.2"}, {"127.0.0.2"}), Listing::Listed);
  EXPECT_EQ(judge({"127.0.0.3", "127.0.0.2"}, {"127.0.0.2"}), Listing::Listed);
  EXPECT_EQ(judge({"127.0.0.7"}, {"127.0.0.4/30"}), Listing::Listed);
  EXPECT_EQ(judge({"127.0.0.8"}, {"127.0.0.4/30"}), Listing::NotListed);
  EXPECT_EQ(judge({"127.0.0.11"}, {"127.0.0.10-127.0.0.11"}), Listing::Listed);
  EXPECT_EQ(judge({"127.0.0.12"}, {"127.0.0.10-127.0.0.11"}), Listing::NotListed);
  EXPECT_EQ(judge({"127.0.0.6"}, {"&0.0.0.4"}), Listing::Listed);
  EXPECT_EQ(judge({"127.0.0.3"}, {"&0.0.0.4"}), Listing::NotListed);
  // Whatever is wanted, a refusal is none.
  EXPECT_EQ(judge({"127.255.255.254"}, {"127.0.0.0/8"}), Listing::Refused);
  EXPECT_EQ(judge({"192.0.2.1"}, {"0.0.0.0/0"}), Listing::Strange);
}

TEST(AddressList, WhatIsNoCode) {
  for (const char* text : {"", "&", "&0.0.0.0", "127.0.0", "127.0.0.9-127.0.0.2", "127.0.0.2-",
                           "::1", "&::1", "127.0.0.2-::2", "127.0.0.2/33"}) {
    EXPECT_FALSE(parse_return_code(text)) << text;
  }
}

TEST(AddressList, Scores) {
  const auto score = [](std::initializer_list<std::string_view> addresses) {
    const SenderScore judged = judge_score(found(addresses));
    return judged.listing == Listing::Listed ? static_cast<int>(judged.score) : -1;
  };
  EXPECT_EQ(score({"127.0.4.0"}), 0);
  EXPECT_EQ(score({"127.0.4.100"}), 100);
  EXPECT_EQ(score({"127.0.4.101"}), -1);
  EXPECT_EQ(score({"127.0.0.50"}), -1);
  EXPECT_EQ(score({"192.0.2.50"}), -1);
  EXPECT_EQ(score({"127.0.4.50", "127.0.4.60"}), -1);
  EXPECT_EQ(judge_score(found({"127.255.255.254"})).listing, Listing::Refused);
  EXPECT_EQ(judge_score(found({"127.0.4.101"})).listing, Listing::Strange);
  EXPECT_EQ(judge_score({.outcome = Outcome::NoName}).listing, Listing::NotListed);
  EXPECT_EQ(judge_score({.outcome = Outcome::Failed}).listing, Listing::Failed);
}

TEST(AddressList, ReasonsAreMadeHarmless) {
  Answer answer{.outcome = Outcome::Found};
  EXPECT_EQ(listing_reason(answer, 10), "");
  answer.records.emplace_back(Text{{"see\r\n250 ", "\xc3\xa4x"}});
  EXPECT_EQ(listing_reason(answer, 100), "see??250 ??x");
  EXPECT_EQ(listing_reason(answer, 4), "see?");
  EXPECT_EQ(listing_reason(found({"127.0.0.2"}), 4), "");
  EXPECT_EQ(listing_address(found({"127.0.0.2"})), "127.0.0.2");
  EXPECT_EQ(listing_address(answer), "");
}

}  // namespace
}  // namespace ringpost::dns
