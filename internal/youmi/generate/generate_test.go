package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// What is made from openapi.yaml is what `make generate` would make of it now.
func TestGeneratedFilesAreFresh(t *testing.T) {
	root := filepath.Join("..", "..", "..")
	made, err := generate(root)
	require.NoError(t, err)
	require.Len(t, made, 2)
	for name, want := range made {
		have, err := os.ReadFile(filepath.Join(root, name))
		require.NoError(t, err)
		require.Equal(t, string(want), string(have), "%s is not up to date: run make generate", name)
	}
}

func TestGoNamesKeepTheSpelling(t *testing.T) {
	for theirs, want := range map[string]string{
		"ad_friend_wenober": "AdFriendWenober", "wechatId": "WechatID", "SffId": "SffID", "url": "URL", "imgMediaUrl": "ImgMediaURL",
		"fansKe": "FansKe", "Wechat_Moble": "WechatMoble", "v1Add_Friend": "V1AddFriend", "Identity": "Identity", "FollowupsiTuation": "FollowupsiTuation",
	} {
		require.Equal(t, want, exported(theirs))
	}
}

func TestTheGuideNeedsItsMarks(t *testing.T) {
	_, err := replaceTable([]byte("# no marks\n"), []byte("| a |\n"))
	require.ErrorContains(t, err, "The table ends here")
	page, err := replaceTable([]byte("before\n"+tableBegins+"old\n"+tableEnds+"after\n"), []byte("new\n"))
	require.NoError(t, err)
	require.Equal(t, "before\n"+tableBegins+"\nnew\n\n"+tableEnds+"after\n", string(page))
}

func TestNamesThatFallTogether(t *testing.T) {
	s := &spec{schemas: map[string]*schema{}}
	err := s.structure(new(bytes.Buffer), "T", []property{{name: "a_b"}, {name: "aB"}}, nil)
	require.ErrorContains(t, err, "would both be AB")
}
