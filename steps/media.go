package steps

import (
	"fmt"
	"net/url"
	"path"
	"strings"
)

// media is a file that the platform fetches by its address.
type media struct {
	url    string
	suffix string // of the address, without the dot; "" when it has none
	format string // as given, else the suffix
	name   string // of a file, with its suffix
}

// address reads an http or https address.
func (in inputs) address(field string) (string, error) {
	s, err := in.required(field, maxURL)
	if err != nil {
		return "", err
	}
	s = strings.TrimSpace(s)
	if _, plain := plainAddress(s); plain {
		return s, nil
	}
	parsed, err := url.Parse(s)
	if err != nil || parsed.Scheme != "http" && parsed.Scheme != "https" || parsed.Host == "" || strings.ContainsAny(s, " \t\r\n") {
		return "", fmt.Errorf("%s must be an http or https address, not %s", in.name(field), kind(s))
	}
	return s, nil
}

// media reads `url` and `format`.
func (in inputs) media() (media, error) {
	at, err := in.source()
	if err == nil && at.format == "" {
		return media{}, fmt.Errorf("%s is missing: the address %s has no suffix to take it from", in.name("format"), kind(at.url))
	}
	return at, err
}

// file reads `url`, `format` and the name, each of which may tell the suffix.
func (in inputs) file(title string) (media, error) {
	at, err := in.source()
	if err != nil {
		return media{}, err
	}
	if title == "" {
		title = lastPart(at.url)
	}
	if title == "" {
		return media{}, fmt.Errorf("%s is missing: the address %s has no file name to take it from", in.name("title"), kind(at.url))
	}
	if at.format == "" {
		at.format = suffix(title)
	}
	if at.format == "" {
		return media{}, fmt.Errorf("%s is missing: neither the title nor the address has a suffix to take it from", in.name("format"))
	}
	if suffix(title) == "" {
		title += "." + at.format
	}
	at.name = title
	return at, nil
}

func (in inputs) source() (media, error) {
	address, err := in.address("url")
	if err != nil {
		return media{}, err
	}
	format, err := in.text("format", maxSuffix+1)
	if err != nil {
		return media{}, err
	}
	at := media{url: address, suffix: suffix(lastPart(address))}
	if at.suffix == "" {
		at.suffix = suffix(address[strings.LastIndexAny(address, "/?&=")+1:]) // …/download?name=a.mp4
	}
	if at.format = strings.ToLower(strings.TrimPrefix(strings.TrimSpace(format), ".")); at.format == "" {
		at.format = strings.ToLower(at.suffix)
	}
	return at, nil
}

// noSuffix is the error of an address that the platform is documented (api-73950154) not to send.
func (in inputs) noSuffix(at media) error {
	return fmt.Errorf("%s must end with the file's suffix, or the platform does not send it: %s", in.name("url"), kind(at.url))
}

// lastPart is the last part of an address's path; "" for none.
func lastPart(address string) string {
	if way, plain := plainAddress(address); plain {
		return way[strings.LastIndexByte(way, '/')+1:]
	}
	parsed, err := url.Parse(address)
	if err != nil || strings.HasSuffix(parsed.Path, "/") || parsed.Path == "" {
		return ""
	}
	return path.Base(parsed.Path)
}

// plainAddress returns the path of an address in which nothing needs a second look: a lower-case scheme, a host name, a path
// and a query of letters, digits and the signs that mean themselves. Most are such, and url.Parse is dear for a million.
func plainAddress(address string) (way string, plain bool) {
	rest, ok := strings.CutPrefix(address, "https://")
	if !ok {
		if rest, ok = strings.CutPrefix(address, "http://"); !ok {
			return "", false
		}
	}
	host := 0
	for host < len(rest) && (isLetter(rest[host]) || rest[host] == '.' || rest[host] == '-') {
		host++
	}
	if rest = rest[host:]; host == 0 || rest != "" && rest[0] != '/' && rest[0] != '?' {
		return "", false
	}
	end := len(rest)
	for i := range len(rest) {
		switch c := rest[i]; {
		case isLetter(c), strings.IndexByte("/-_.=&", c) >= 0:
		case c == '?' && end == len(rest):
			end = i
		default:
			return "", false
		}
	}
	return rest[:end], true
}

func isLetter(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

// maxSuffix is the most characters of a suffix: beyond, it is rather a part of a name.
const maxSuffix = 10

// suffix is what stands behind the last dot of a file's name, when it is letters and digits; "" for none.
func suffix(name string) string {
	dot := strings.LastIndexByte(name, '.')
	if dot <= 0 {
		return ""
	}
	s := name[dot+1:]
	if s == "" || len(s) > maxSuffix || strings.ContainsFunc(s, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	}) {
		return ""
	}
	return s
}

// escape URL-encodes a file's name. A space becomes %20, which every decoder reads; a plus sign would not be.
func escape(name string) string {
	return strings.ReplaceAll(url.QueryEscape(name), "+", "%20")
}
