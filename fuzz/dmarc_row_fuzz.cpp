// Files of rows for DMARC's reports, as a crash or somebody else may leave them: reading ends, what
// was read is written and read as the same, and its report is bounded.
#include <cstdint>
#include <span>
#include <string>

#include "proto/auth/dmarc_report.h"
#include "proto/auth/report_target.h"
#include "proto/base/bytes.h"
#include "proto/base/check.h"
#include "store/dmarc/row.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* octets, std::size_t size) {
  using namespace ringpost;
  const Bytes file = std::as_bytes(std::span(octets, size));
  store::RowReader reader(file);
  auth::DmarcAggregate aggregate(16);
  while (const auto row = reader.next()) {
    std::string again;
    store::append_row(again, *row);
    CHECK(store::RowReader(bytes_of(again)).next() == row);
    aggregate.add(*row);
    for (const std::string& uri : row->published.aggregate_uris)
      static_cast<void>(auth::parse_report_target(uri));
  }
  CHECK(aggregate.rows() <= 16);
  const std::string xml = auth::report_xml({}, aggregate, 4096);
  CHECK(xml.size() <= 4096 + 8192 && !xml.contains('\x01') && xml.ends_with("</feedback>\n"));
  if (const auto target = auth::parse_report_target(text_of(file)))
    CHECK(target->address.contains('@') && !target->address.contains('\r'));
  return 0;
}
