package fetch

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"syscall"
)

// Allowed reports, by an *Error, why an address may not be reached. Nothing is looked up.
func (c *Client) Allowed(text string) (*url.URL, error) {
	address, err := url.Parse(text)
	if err != nil || address.Host == "" || address.Opaque != "" {
		return nil, &Error{Place: "the request", Code: "invalid-request", Err: fmt.Errorf("the address is no whole URL such as https://crm.example.com/path")}
	}
	refuse := func(format string, arguments ...any) (*url.URL, error) {
		return nil, &Error{Place: place(address), Code: "not-allowed", Err: fmt.Errorf(format, arguments...)}
	}
	if address.User != nil {
		return refuse("the address holds a user or a password: send them in a header")
	}
	want := Host{Scheme: address.Scheme, Name: strings.ToLower(strings.TrimSuffix(address.Hostname(), ".")), Port: address.Port()}
	if want.Port == defaultPort(want.Scheme) {
		want.Port = ""
	}
	matches := func(host Host) bool {
		if host.Port == defaultPort(host.Scheme) {
			host.Port = ""
		}
		return host == want
	}
	if slices.ContainsFunc(c.config.Hosts, matches) {
		return address, nil
	}
	named := slices.ContainsFunc(c.config.Hosts, func(host Host) bool { return host.Name == want.Name })
	switch {
	case want.Scheme != "http" && want.Scheme != "https":
		return refuse("only https and http can be spoken")
	case named:
		return refuse("the host is allowed with another scheme or port only: see http.hosts in youmiflow.yaml")
	}
	entry := want.Name
	if want.Port != "" {
		entry += ":" + want.Port
	}
	if want.Scheme == "http" {
		entry = "http://" + entry
	}
	return refuse("the host is not allowed: add %q to http.hosts in youmiflow.yaml", entry)
}

func defaultPort(scheme string) string {
	if scheme == "http" {
		return "80"
	}
	return "443"
}

// control looks at the address that a name has led to, before it is connected to. So a name that is allowed cannot be made
// to lead into the own network, neither at first nor later.
func (c *Client) control(_ context.Context, _, address string, _ syscall.RawConn) error {
	if c.config.AllowPrivate {
		return nil
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return &addressError{address}
	}
	ip, err := netip.ParseAddr(host)
	if err != nil || !Public(ip) {
		return &addressError{host}
	}
	return nil
}

// addressError refuses an address.
type addressError struct{ address string }

func (a *addressError) Error() string {
	return fmt.Sprintf("the name leads to %s, an address of the own machine or network: set http.allow_private in youmiflow.yaml if that is meant", a.address)
}

// reserved are the ranges that netip does not know as such and that lead to no public host (IANA's registries of special
// purpose addresses).
func reserved() []netip.Prefix {
	var list []netip.Prefix
	for _, text := range []string{
		"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24",
		"203.0.113.0/24", "240.0.0.0/4", "::/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32",
		"2002::/16", "3fff::/20", "5f00::/16", "fec0::/10",
	} {
		list = append(list, netip.MustParsePrefix(text))
	}
	return list
}

// Public reports whether an address is one of the public internet.
func Public(ip netip.Addr) bool {
	ip = ip.Unmap().WithZone("")
	if !ip.IsGlobalUnicast() || ip.IsPrivate() || ip.IsLoopback() || ip.IsLinkLocalUnicast() || ip.IsMulticast() {
		return false
	}
	return !slices.ContainsFunc(reserved(), func(prefix netip.Prefix) bool { return prefix.Contains(ip) })
}
