package youmi

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1" // the algorithm of the vendor's page
	"encoding/base64"
	"strconv"
	"strings"
)

// Sign makes the signature of version 1 (doc-3385715): HMAC-SHA1 with the appkey over subject, nonce and timestamp without
// separators, as Base64, URL-encoded with lower-case hex. The subject is the appid when a token is asked for, and the
// access_token in every other call; the timestamp is in Unix seconds.
func Sign(appkey, subject, nonce string, timestamp int64) string {
	hash := hmac.New(sha1.New, []byte(appkey))
	hash.Write([]byte(subject + nonce + strconv.FormatInt(timestamp, 10)))
	encoded := base64.StdEncoding.EncodeToString(hash.Sum(nil))
	// The three characters of Base64 that a URL must escape. url.QueryEscape would write %3D, and the page shows %3d.
	return strings.NewReplacer("+", "%2b", "/", "%2f", "=", "%3d").Replace(encoded)
}

// newNonce is a random string for one request.
func newNonce() string { return rand.Text() }
