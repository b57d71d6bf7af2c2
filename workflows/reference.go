package workflows

// KeySet are the keys of one kind of object in a workflow file, in the order in which they are best explained.
type KeySet struct {
	Of   string // workflow, param, trigger, send_window, limit, rest, step, retry, foreach, waves, wave, stop_when, branch, wait, approve
	Keys []string
}

// KeySets are all keys that a workflow file can have, besides names of the author's own choice. References and schemas are
// held against them.
func KeySets() []KeySet {
	return []KeySet{
		{"workflow", workflowKeys.known}, {"param", paramKeys.known}, {"trigger", triggerKeys.known}, {"send_window", windowKeys.known},
		{"limit", limitKeys.known}, {"rest", restKeys.known}, {"step", stepKeys.known}, {"retry", retryKeys.known},
		{"foreach", foreachKeys.known}, {"waves", wavesKeys.known}, {"wave", waveKeys.known}, {"stop_when", stopWhenKeys.known},
		{"branch", branchKeys.known}, {"wait", waitKeys.known}, {"approve", approveKeys.known},
	}
}
