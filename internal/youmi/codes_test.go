package youmi

import (
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// documentedCodes is the table of doc-3385705, whole, in our words.
func documentedCodes() map[int]string {
	return map[int]string{
		10003: "no longer valid", 10004: "data fetched", 10005: "integrity", 10006: "timestamp has expired", 10011: "exception while validating",
		20000: "operation complete", 200001: "TOKEN missing", 200002: "Nonce missing", 200003: "Timestamp missing", 200004: "Signature missing",
		200005: "older than 10 minutes", 200006: "encryption key", 200007: "APPID missing", 200008: "original WeChat id", 200009: "no such friend",
		200010: "staff number", 200011: "server error", 200012: "wrong parameters", 200013: "IM send error", 200014: "operating account",
		200015: "operating account", 200016: "phone number to add", 200017: "add-friend setting", 200018: "does not exist", 200019: "operation failed",
		200020: "group id", 200021: "group id does not exist", 200022: "inviting", 200023: "without a friend list", 200024: "group friend",
	}
}

func TestEveryDocumentedCodeIsExplained(t *testing.T) {
	codes := documentedCodes()
	require.Len(t, codes, 30)
	for code, words := range codes {
		written := strconv.Itoa(code)
		require.Contains(t, CodeMeaning(written), words, written)
		err := &APIError{Operation: OperationGetFansList, Code: written, Verdict: Failed, Text: "原文"}
		require.ErrorContains(t, err, "GetFansList: "+written+" ")
		require.ErrorContains(t, err, words)
		require.ErrorContains(t, err, "原文", "the platform's own words are kept")
	}
	require.Empty(t, CodeMeaning("200025"), "nothing is made up")
}

// What each code proves: two are success, the checks of token and time come before any work, the rest is a refusal.
func TestWhatEveryDocumentedCodeProves(t *testing.T) {
	nothingDone := []int{CodeTokenExpired, CodeTokenException, CodeTimestampExpired, CodeTooOld}
	for code := range documentedCodes() {
		want := Failed
		if code == CodeDone || code == CodeFetched {
			want = Unknown // with succeed false it contradicts itself
		} else if slices.Contains(nothingDone, code) {
			want = NotSent
		}
		require.Equal(t, want, (&Response{Code: code, HasCode: true}).verdict(), code)
	}
}
