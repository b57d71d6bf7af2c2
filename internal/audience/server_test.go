package audience

import (
	"bytes"
	"database/sql"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// password is what no error may show.
const password = "p4ss/w&rd"

// binary finds a program of a database server. Without it the test is left out, aloud, and on CI it fails.
func binary(t *testing.T, patterns ...string) string {
	t.Helper()
	for _, pattern := range patterns {
		if path, err := exec.LookPath(pattern); err == nil {
			return path
		}
		if found, _ := filepath.Glob(pattern); len(found) > 0 {
			return found[len(found)-1]
		}
	}
	message := fmt.Sprintf("SKIPPED: there is no %s; with Debian's packages postgresql and mariadb-server this test runs", filepath.Base(patterns[0]))
	if os.Getenv("CI") == "true" {
		t.Fatal(message)
	}
	t.Skip(message)
	return ""
}

// server is a database server of a test's own.
type server struct {
	t       *testing.T
	dir     string
	account *syscall.Credential // of whom it runs as; nil: of the test
	port    string
}

// newServer makes a folder that belongs to the server's user: these servers refuse to run as root.
func newServer(t *testing.T, name string) *server {
	t.Helper()
	dir, err := os.MkdirTemp("", name)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	s := &server{t: t, dir: dir}
	if os.Getuid() == 0 {
		account, err := user.Lookup(name)
		if err != nil {
			account, err = user.Lookup("nobody")
		}
		require.NoError(t, err)
		uid, err := strconv.Atoi(account.Uid)
		require.NoError(t, err)
		gid, err := strconv.Atoi(account.Gid)
		require.NoError(t, err)
		s.account = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		require.NoError(t, os.Chown(dir, uid, gid))
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	_, s.port, err = net.SplitHostPort(listener.Addr().String())
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	return s
}

func (s *server) command(name string, arguments ...string) *exec.Cmd {
	command := exec.Command(name, arguments...)
	command.Dir = s.dir
	command.Env = append(os.Environ(), "HOME="+s.dir, "LC_ALL=C.UTF-8")
	if s.account != nil {
		command.SysProcAttr = &syscall.SysProcAttr{Credential: s.account}
	}
	return command
}

func (s *server) run(name string, arguments ...string) {
	s.t.Helper()
	out, err := s.command(name, arguments...).CombinedOutput()
	require.NoError(s.t, err, string(out))
}

// start runs the server until the test ends, and waits until it answers.
func (s *server) start(stop os.Signal, driver, dsn, name string, arguments ...string) *sql.DB {
	s.t.Helper()
	var said bytes.Buffer
	command := s.command(name, arguments...)
	command.Stdout, command.Stderr = &said, &said
	require.NoError(s.t, command.Start())
	s.t.Cleanup(func() {
		require.NoError(s.t, command.Process.Signal(stop))
		_ = command.Wait() // how it ends after a signal is its own business
	})
	db, err := sql.Open(driver, dsn)
	require.NoError(s.t, err)
	s.t.Cleanup(func() { require.NoError(s.t, db.Close()) })
	require.Eventually(s.t, func() bool { return db.Ping() == nil }, time.Minute, 50*time.Millisecond, "the server does not answer")
	return db
}

// postgres starts a server, and returns the address of a database in it and a connection that may write.
func postgres(t *testing.T) (string, *sql.DB) {
	t.Helper()
	initdb := binary(t, "initdb", "/usr/lib/postgresql/*/bin/initdb")
	program := binary(t, "/usr/lib/postgresql/*/bin/postgres", "postgres")
	s := newServer(t, "postgres")
	data := filepath.Join(s.dir, "data")
	file := filepath.Join(s.dir, "password")
	require.NoError(t, os.WriteFile(file, []byte(password), 0o644))
	s.run(initdb, "-D", data, "-U", "owner", "--auth=scram-sha-256", "--pwfile", file, "-E", "UTF8", "--no-sync")
	address := "postgres://owner:p4ss%2Fw&rd@127.0.0.1:" + s.port + "/postgres?sslmode=disable"
	db := s.start(os.Interrupt, "pgx", address, program, "-D", data, "-p", s.port, "-k", s.dir, "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off")
	return address, db
}

// mariadb does the same.
func mariadb(t *testing.T) (string, *sql.DB) {
	t.Helper()
	install := binary(t, "mariadb-install-db")
	program := binary(t, "mariadbd", "/usr/sbin/mariadbd")
	s := newServer(t, "mysql")
	data := filepath.Join(s.dir, "data")
	s.run(install, "--no-defaults", "--datadir="+data, "--auth-root-authentication-method=normal", "--skip-test-db")
	root := "root@tcp(127.0.0.1:" + s.port + ")/"
	address := "mysql://owner:p4ss%2Fw&rd@127.0.0.1:" + s.port + "/crm"
	db := s.start(syscall.SIGTERM, "mysql", root, program, "--no-defaults", "--datadir="+data, "--port="+s.port,
		"--bind-address=127.0.0.1", "--socket="+filepath.Join(s.dir, "s"), "--pid-file="+filepath.Join(s.dir, "pid"), "--skip-name-resolve=0")
	for _, statement := range []string{"CREATE DATABASE crm CHARACTER SET utf8mb4", "CREATE USER owner@'%' IDENTIFIED BY '" + password + "'", "GRANT ALL ON *.* TO owner@'%'", "USE crm"} {
		db.SetMaxOpenConns(1)
		_, err := db.Exec(statement)
		require.NoError(t, err)
	}
	return address, db
}

// lite makes a file.
func lite(t *testing.T) (string, *sql.DB) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "c r%m?.db")
	db, err := sql.Open("sqlite", "file:"+filepath.ToSlash(filepath.Dir(path))+"/c%20r%25m%3F.db")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return "sqlite://" + path, db
}
