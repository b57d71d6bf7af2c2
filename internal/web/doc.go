// Package web serves the daemon's HTTP: its health, and the REST API under /api/v1. Whatever else listens at the same
// address is mounted by whoever wires the daemon.
//
// It may import engine, workflows and what is below them, and reaches everything else through small interfaces of its own.
package web
