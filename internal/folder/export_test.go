package folder

import (
	"context"

	"github.com/fsnotify/fsnotify"
)

// Look looks at the folder as Run does once a change has settled.
func (f *Folder) Look(ctx context.Context) { f.look(ctx, nil, false) }

// Watch is Run with signs that a test gives.
func (f *Folder) Watch(ctx context.Context, events <-chan fsnotify.Event) {
	f.watch(ctx, &signs{events: events})
}

// Halfway tells how often files may be looked at that seem half written.
const Looks = looks
