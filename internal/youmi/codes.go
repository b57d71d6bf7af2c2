package youmi

// CodeMeaning explains a result code in English words, as doc-3385705 lists them; "" for a code that is not listed.
func CodeMeaning(code string) string {
	switch code {
	case "10003":
		return "the token is no longer valid (令牌失效)"
	case "10004":
		return "data fetched (获取数据成功)"
	case "10005":
		return "the data-integrity check failed"
	case "10006":
		return "the signature's timestamp has expired; check this machine's clock"
	case "10011":
		return "an exception while validating the token"
	case "20000":
		return "operation complete (操作完成)"
	case "200001":
		return "TOKEN missing"
	case "200002":
		return "Nonce missing"
	case "200003":
		return "Timestamp missing"
	case "200004":
		return "Signature missing"
	case "200005":
		return "the request is older than 10 minutes; check this machine's clock"
	case "200006":
		return "the encryption key is wrong"
	case "200007":
		return "APPID missing"
	case "200008":
		return "the friend's original WeChat id (原始微信号) is not given"
	}
	return businessMeaning(code)
}

func businessMeaning(code string) string {
	switch code {
	case "200009":
		return "no such friend"
	case "200010":
		return "the staff number (员工号) does not exist"
	case "200011":
		return "server error"
	case "200012":
		return "wrong parameters"
	case "200013":
		return "IM send error"
	case "200014":
		return "the operating account's (运营号) original WeChat id is not given"
	case "200015":
		return "the operating account's WeChat id is not given"
	case "200016":
		return "the WeChat id or phone number to add must not be empty"
	case "200017":
		return "the add-friend setting (加粉设置) is not enabled"
	case "200018":
		return "the WeChat id does not exist"
	case "200019":
		return "the operation failed"
	case "200020":
		return "the group id (群号) is not given"
	case "200021":
		return "the group id does not exist"
	case "200022":
		return "creating a group or inviting: the friend is not a friend of the operating account"
	case "200023":
		return "a group operation without a friend list"
	case "200024":
		return "the group friend does not exist"
	}
	return ""
}

// localMeaning explains the codes that are this package's own.
func localMeaning(code string) (string, bool) {
	switch code {
	case "":
		return "refused without a code", true
	case "timeout":
		return "no answer in time", true
	case "refused":
		return "the connection was refused; check base_url and whether the platform is up", true
	case "dns":
		return "the host was not found; check base_url and this machine's DNS", true
	case "tls":
		return "no TLS connection could be agreed on; check that base_url has the right scheme and port", true
	case "certificate":
		return "the server's certificate is not accepted; check base_url and this machine's certificates", true
	case "unconnected":
		return "no connection could be made; check base_url and the network", true
	case "cancelled":
		return "cancelled", true
	case "broken":
		return "the connection broke", true
	case "unreadable":
		return "the answer cannot be read", true
	case "truncated":
		return "the answer was cut off", true
	case "too-long":
		return "the answer is too long", true
	case "redirect":
		return "the server answers with a redirect, which is not followed; set base_url to the address it leads to", true
	case "encoding":
		return "the request cannot be written as JSON", true
	case "unknown-operation":
		return "unknown operation", true
	case "no-v1":
		return "version 1 is not configured; set v1.base_url, v1.appid and v1.appkey of the connection", true
	case "invalid-request":
		return "this request cannot be made", true
	}
	return "", false
}
