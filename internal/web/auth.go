package web

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"youmiflow/workflows"
)

const (
	// wrongBurst is how many wrong tokens an address may send at once, and wrongEvery how often one more after that.
	wrongBurst = 20
	wrongEvery = 3 * time.Second
	// maxAddresses bounds how many addresses are remembered. When more send wrong tokens, all of them are forgotten.
	maxAddresses = 4096
)

// gate lets in who has a token. The zero gate lets in nobody.
type gate struct {
	now func() time.Time

	mu     sync.Mutex
	tokens []digested
	wrong  map[netip.Addr]*rate.Limiter
}

// digested is a token with the digest of its text: comparing digests takes as long whatever the text.
type digested struct {
	workflows.Token
	digest [sha256.Size]byte
}

func newGate(now func() time.Time) *gate {
	return &gate{now: now, wrong: map[netip.Addr]*rate.Limiter{}}
}

// use replaces the tokens.
func (g *gate) use(tokens []workflows.Token) {
	all := make([]digested, len(tokens))
	for i, token := range tokens {
		all[i] = digested{token, sha256.Sum256([]byte(token.Secret.Reveal()))}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.tokens = all
}

// admit finds out who sends a request, and whether that is enough for a role.
func (g *gate) admit(w http.ResponseWriter, r *http.Request, least workflows.Role) (workflows.Token, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.tokens) == 0 {
		return workflows.Token{}, refuse(codeOff, "the API is off: add a token under `server` in youmiflow.yaml (docs/api.md)")
	}
	address := addressOf(r)
	limiter := g.wrong[address]
	if limiter != nil && limiter.TokensAt(g.now()) < 1 {
		w.Header().Set("Retry-After", fmt.Sprint(int(wrongEvery.Seconds())))
		return workflows.Token{}, refuse(codeSignIn, "too many wrong tokens came from this address: wait a little")
	}
	who, ok := g.find(r)
	if !ok {
		g.count(address)
		w.Header().Set("WWW-Authenticate", `Bearer realm="youmiflow"`)
		return workflows.Token{}, refuse(codeToken, "send a token of the daemon: Authorization: Bearer TOKEN")
	}
	if !who.Role.May(least) {
		return who, refuse(codeRole, fmt.Sprintf("%s is %s, and this needs %s", who.Name, who.Role, least))
	}
	return who, nil
}

// find looks through all tokens, whether one fits or not.
func (g *gate) find(r *http.Request) (who workflows.Token, found bool) {
	scheme, text, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return who, false
	}
	digest := sha256.Sum256([]byte(strings.TrimSpace(text)))
	for _, token := range g.tokens {
		if subtle.ConstantTimeCompare(digest[:], token.digest[:]) == 1 {
			who, found = token.Token, true
		}
	}
	return who, found
}

// count remembers a wrong token of an address.
func (g *gate) count(address netip.Addr) {
	limiter := g.wrong[address]
	if limiter == nil {
		if len(g.wrong) >= maxAddresses {
			clear(g.wrong)
		}
		limiter = rate.NewLimiter(rate.Every(wrongEvery), wrongBurst)
		g.wrong[address] = limiter
	}
	limiter.AllowN(g.now(), 1)
}

// addressOf is where a request comes from. Whoever has one address of version 6 has the 2^64 beside it.
func addressOf(r *http.Request) netip.Addr {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	address, err := netip.ParseAddr(host)
	if err != nil {
		return netip.Addr{}
	}
	if address = address.Unmap().WithZone(""); address.Is6() {
		if prefix, err := address.Prefix(64); err == nil {
			return prefix.Addr()
		}
	}
	return address
}
