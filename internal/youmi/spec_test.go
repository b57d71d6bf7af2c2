package youmi

import (
	"context"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"
)

func TestDocumentIsValidOpenAPI(t *testing.T) {
	spec, err := Spec()
	require.NoError(t, err)
	require.NoError(t, spec.Validate(context.Background()))
}

func TestEveryOperationIsMarked(t *testing.T) {
	for id, operation := range byID(t) {
		require.Contains(t, []string{"documented", "partial", "assumed"}, operation.Status, id)
		require.Contains(t, []string{"read", "idempotent", "message"}, operation.Effect, id)
		require.Contains(t, []string{V1, V2}, operation.Version, id)
		require.Regexp(t, `^((api|doc)-\d+|contents)$`, operation.Source, id)
		require.NotEmpty(t, operation.Summary, id)
		require.NoError(t, validatePath(operation.Path), id)
		if operation.Status != "documented" {
			require.NotEmpty(t, operation.Guess, id)
		}
		last := operation.Path[strings.LastIndex(operation.Path, "/")+1:]
		if id != OperationGetToken {
			require.Equal(t, last, strings.TrimPrefix(id, "v1"), "an ID is the end of the path as spelled")
		}
		require.Equal(t, operation.Version == V1, strings.HasPrefix(id, "v1"), id)
	}
}

// The groups are as large as in the vendor's table of contents.
func TestEveryGroupIsWhole(t *testing.T) {
	groups, statuses, v2 := map[string]int{}, map[string]int{}, 0
	for _, operation := range byID(t) {
		groups[operation.Group]++
		if operation.Version == V2 {
			v2++
			statuses[operation.Status]++
		}
	}
	require.Equal(t, map[string]int{
		"ChatMess": 6, "Report": 2, "System": 4, "Friend": 2, "Todo": 4, "Ad": 2, "BulkSend": 2, "MeetingCall": 1, "Public": 2, "Token": 1, "V1": 4,
	}, groups)
	require.Equal(t, 26, v2)
	require.Equal(t, map[string]int{"documented": 3, "partial": 20, "assumed": 3}, statuses)
}

// The names that a client must not put right (section 6 of the facts file).
func TestTheDocumentedSpellingIsKept(t *testing.T) {
	operations := byID(t)
	for id, names := range map[string][]string{
		OperationGetFansCount: {"fansKe"}, OperationGetChargeDaffairesList: {"usersate", "chargeDaffairesId", "WecharId", "wechatNober"},
		OperationAddRecordNew: {"FollowupsiTuation", "SffId", "AdWecharId"}, OperationActivationConversation: {"ad_friend_wenober", "ad_original_nober"},
		OperationGetMeetingVoiceCall: {"ad_wechat_nober", "PageIndex", "PageSize"}, OperationV1AddFriend: {"ReceiVerId", "Wechat_Moble", "GreeTing", "PcKid", "sffcode"},
		OperationSend: {"messList", "ThumbMediaUrl", "ThumbnailUrl"},
	} {
		for _, name := range names {
			require.Contains(t, operations[id].RequestFields, name, id)
		}
	}
	require.Equal(t, "/v2/AdManage/GetAdList", operations[OperationGetAdList].Path)
	require.Equal(t, "/WeCaht", operations[OperationV1WeCaht].Path)
}

func TestPagingNamesFieldsOfTheRequest(t *testing.T) {
	paged := 0
	for id, operation := range byID(t) {
		if operation.Paging == nil {
			continue
		}
		paged++
		require.Contains(t, operation.RequestFields, operation.Paging.Page, id)
		require.Contains(t, operation.RequestFields, operation.Paging.Size, id)
		require.Equal(t, 1, operation.Paging.First, id)
		require.Equal(t, "read", operation.Effect, id)
	}
	require.Equal(t, 7, paged)
}

// What answers are taken to hold is marked as assumed, wherever it is described.
func TestPlausibleAnswersAreMarkedAsAssumed(t *testing.T) {
	spec, err := Spec()
	require.NoError(t, err)
	for id, operation := range byID(t) {
		if operation.Plausible == "" {
			continue
		}
		values := spec.Components.Schemas[operation.Plausible]
		require.NotNil(t, values, id)
		require.Equal(t, "assumed", values.Value.Extensions["x-status"], operation.Plausible)
		require.NotEmpty(t, values.Value.Extensions["x-guess"], operation.Plausible)
		if items := values.Value.Items; items != nil {
			require.Equal(t, "assumed", items.Value.Extensions["x-status"], operation.Plausible)
		}
	}
}

// The bodies that are written by hand have the fields of openapi.yaml, no more and no fewer.
func TestHandWrittenBodiesHaveTheDocumentsFields(t *testing.T) {
	operations := byID(t)
	for id, value := range map[string]any{
		OperationSend: Message{}, OperationApplyTakeover: TakeoverApplication{}, OperationEndTakeover: TakeoverEnd{}, OperationV1GetAccessToken: tokenRequest{},
	} {
		names := jsonNames(reflect.TypeOf(value))
		if id == OperationSend {
			// These two stand in the elements of a batch only.
			names = slices.DeleteFunc(names, func(name string) bool { return name == "ImageUrl" || name == "MsgId" })
		}
		require.ElementsMatch(t, operations[id].RequestFields, names, id)
	}
}

func jsonNames(typ reflect.Type) []string {
	var names []string
	for field := range typ.Fields() {
		if field.Anonymous {
			names = append(names, jsonNames(field.Type)...)
			continue
		}
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		names = append(names, name)
	}
	return names
}

// The answers that the pages show are ones that openapi.yaml allows.
func TestDocumentedAnswers(t *testing.T) {
	spec, err := Spec()
	require.NoError(t, err)
	schemas := map[string]*openapi3.Schema{}
	for _, item := range spec.Paths.Map() {
		for _, operation := range item.Operations() {
			schemas[operation.OperationID] = operation.Responses.Status(200).Value.Content.Get("application/json").Schema.Value
		}
	}
	for _, shown := range []struct{ operation, answer string }{
		{OperationSend, `{"requestId":"string","errmsg":0,"succeed":true,"msgTime":"string","values":{"taskId":"string"},"errdesc":"string"}`},
		{OperationGetDepartList, `{"requestId":"string","errmsg":0,"succeed":true,"msgTime":"string","values":[{"departid":0,"departname":"string"}],"errdesc":null}`},
		{OperationDeleteBulkSendTask, `{"requestId":null,"errmsg":20000,"succeed":true,"msgTime":"2024-12-19T17:22:24.312"}`},
		{OperationGetToken, `{}`},
		{OperationV1GetAccessToken, `{"errmsg":10004,"succeed":true,"msgTime":"2020-06-23T15:46:11.6561987+08:00","values":{"expires_in":1593503171}}`},
		{OperationV1WeCaht, `{"errmsg":20000,"succeed":true,"msgTime":"2018-05-11T15:40:14.1523923+08:00","values":[{"ad_wechat_id":135389,"ad_wechat_nober":"id","ad_wechat_nick":"nick","ad_wechat_qrcode":"qr","ad_wechat_addtime":"time","ad_original_nober":"wxid_own","ad_wechat_usercode":null}]}`},
		{OperationV1Friend, `{"msgTime":"2018/5/11 14:32:40","errmsg":20000,"succeed":true,"values":{"ad_friend_id":1153549,"ad_friend_uwenober":"www_7182453","ad_friend_wenober":"wxid_167px6des5ie22","username":"nickname","avatar":"http://wx.qlogo.cn/"}}`},
		{OperationV1AddFriend, `{"msgTime":"2018/5/11 14:47:48","errmsg":20000,"succeed":true,"values":true,"errdesc":""}`},
		{OperationGetFansList, `{"errmsg":20000,"succeed":true,"values":{"whatever":[1]}}`}, // nothing was seen, so nothing is refused
	} {
		var answer any
		require.NoError(t, json.Unmarshal([]byte(shown.answer), &answer))
		require.NoError(t, schemas[shown.operation].VisitJSON(answer), shown.operation)
	}
}

// A field of type "string or null" can be left out, null, or set.
func TestNullable(t *testing.T) {
	for written, value := range map[string]Nullable[string]{`{}`: {}, `{"url":null}`: Null[string](), `{"url":"<u>"}`: Value("<u>")} {
		encoded, err := Encode(RegisterCallbackURLRequest{URL: value})
		require.NoError(t, err)
		require.Equal(t, written, string(encoded))
		var back RegisterCallbackURLRequest
		require.NoError(t, json.Unmarshal(encoded, &back))
		require.Equal(t, value, back.URL)
		text, ok := back.URL.Get()
		require.Equal(t, written == `{"url":"<u>"}`, ok && text == "<u>")
	}
}
