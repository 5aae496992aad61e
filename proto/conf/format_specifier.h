// FormatString: text with %{...} specifiers, as smtpd.conf(5) allows in the path of a maildir and
// in commands. Checked when made; expansion fails only where the values do (a substring beyond the
// end, a home folder that is missing). Octets that could leave the folder or confuse a shell become
// ':'.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ringpost::conf {

struct AddressView {
  std::string_view user;
  std::string_view domain;
};

// The values of one delivery; views live as long as the call.
struct FormatValues {
  AddressView sender;          // both empty: the null reverse-path
  AddressView recipient;       // as the client gave it in RCPT
  AddressView destination;     // after alias expansion
  std::string_view username;   // of the local user
  std::string_view directory;  // home folder, absolute
  std::string_view mda = {};   // of a wrapper: the command inside, which stays as it is
  char delimiter = '+';        // for the modifier `strip`
  // A shell will read the result: the modifier `raw` changes nothing, and a value that begins a
  // word begins no option.
  bool for_shell = false;
};

class FormatString {
 public:
  struct Error {
    std::size_t offset = 0;  // into the text, octets
    std::string text;
  };
  // "~/" at the start means %{user.directory}/; "%%" is one '%'.
  static std::expected<FormatString, Error> parse(std::string_view text);

  // Holds a text that parse() refuses; expand() gives nothing, ever.
  static FormatString unusable(std::string_view text);
  bool is_unusable() const { return unusable_; }

  // The whole text; nothing when a substring lies outside its value or the result is too long.
  std::optional<std::string> expand(const FormatValues& values) const;

  const std::string& text() const { return text_; }
  // True when the result begins with '/' whatever the values are (a literal or the home folder).
  bool is_absolute() const;
  // True when deliveries to one user may go to several folders, by the address they came through.
  bool depends_on_destination() const;

 private:
  enum class Field : std::uint8_t {
    Literal,
    Sender,
    SenderUser,
    SenderDomain,
    Recipient,
    RecipientUser,
    RecipientDomain,
    Destination,
    DestinationUser,
    DestinationDomain,
    Username,
    Directory,
    MboxFrom,
    Mda,
  };
  enum class Modifier : std::uint8_t { Lowercase, Uppercase, Strip, Raw };
  struct Piece {
    Field field = Field::Literal;
    std::string literal = {};
    int begin = 0;
    std::optional<int> end = std::nullopt;  // inclusive, negative: from the end
    bool single = false;                    // [n]: one octet
    std::vector<Modifier> modifiers = {};
  };
  static std::expected<Piece, std::string> parse_piece(std::string_view token);
  static std::expected<std::vector<Modifier>, std::string> parse_modifiers(std::string_view rest);

  std::string text_;
  std::vector<Piece> pieces_;
  bool unusable_ = false;
};

}  // namespace ringpost::conf
