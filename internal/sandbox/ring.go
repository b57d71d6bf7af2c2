package sandbox

// ring keeps the last size things.
type ring[T any] struct {
	size  int
	items []T
	next  int // where the next one goes, once it is full
}

// add keeps one more, and gives back the one that it dropped for it.
func (r *ring[T]) add(item T) (dropped T, full bool) {
	if len(r.items) < r.size {
		r.items = append(r.items, item)
		return dropped, false
	}
	dropped = r.items[r.next]
	r.items[r.next] = item
	r.next = (r.next + 1) % r.size
	return dropped, true
}

// list copies them, oldest first.
func (r *ring[T]) list() []T {
	list := make([]T, 0, len(r.items))
	list = append(list, r.items[r.next:]...)
	return append(list, r.items[:r.next]...)
}

func (r *ring[T]) clear() { r.items, r.next = nil, 0 }
