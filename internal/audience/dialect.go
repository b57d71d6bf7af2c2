package audience

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite" // the driver "sqlite"
)

// dialect is how one kind of database is opened, and kept from writing.
type dialect struct {
	open func(address string) (*sql.DB, error)
	// readOnly asks for a read-only transaction; SQLite has none, and its connection can only read.
	readOnly bool
	before   []string // statements before the transaction
}

func dialectOf(address string) (dialect, error) {
	scheme, _, _ := strings.Cut(address, "://")
	switch scheme {
	case "postgres", "postgresql":
		return dialect{open: openPostgres, readOnly: true}, nil
	case "mysql":
		return dialect{open: openMySQL, readOnly: true}, nil
	case "sqlite":
		return dialect{open: openSQLite, before: []string{"PRAGMA query_only = ON"}}, nil
	}
	return dialect{}, errors.New("its address begins with none of postgres://, mysql:// and sqlite://")
}

// errAddress is all that is said of an address that cannot be read: it may hold a password.
var errAddress = errors.New("its address cannot be read: write one such as postgres://user:${PASSWORD}@host:5432/name, and %-encode what is special in the password")

func openPostgres(address string) (*sql.DB, error) {
	config, err := pgx.ParseConfig(address)
	if err != nil {
		return nil, errAddress
	}
	// Belt and braces: sessions of this connection begin no other transactions than such that read.
	config.RuntimeParams["default_transaction_read_only"] = "on"
	config.RuntimeParams["application_name"] = "youmiflow"
	return stdlib.OpenDB(*config), nil
}

func openMySQL(address string) (*sql.DB, error) {
	parsed, err := url.Parse(address)
	if err != nil || parsed.Host == "" {
		return nil, errAddress
	}
	config := mysql.NewConfig()
	config.Net, config.Addr = "tcp", parsed.Host
	if parsed.Port() == "" {
		config.Addr += ":3306"
	}
	config.User = parsed.User.Username()
	config.Passwd, _ = parsed.User.Password()
	config.DBName = strings.TrimPrefix(parsed.Path, "/")
	config.ParseTime = true
	config.Timeout = connectTimeout
	config.Logger = &mysql.NopLogger{} // its errors are returned too
	switch mode := parsed.Query().Get("tls"); mode {
	case "", "true", "false", "preferred":
		config.TLSConfig = mode
	default:
		return nil, errors.New("tls in its address must be true, preferred or false")
	}
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return nil, errAddress
	}
	return sql.OpenDB(connector), nil
}

func openSQLite(address string) (*sql.DB, error) {
	path := strings.TrimPrefix(address, "sqlite://")
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
		return nil, fmt.Errorf("there is no such file: %s", path)
	}
	file := url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: "mode=ro&_pragma=busy_timeout(5000)&_pragma=trusted_schema(0)"}
	return sql.Open("sqlite", file.String())
}

// hideAddress takes a database's address and password out of an error. What ended by a context stays what it is.
func hideAddress(err error, address string) error {
	if connect, ok := errors.AsType[*pgconn.ConnectError](err); ok && connect.Unwrap() != nil {
		err = connect.Unwrap() // the rest is who asked, and where
	}
	for _, ended := range []error{context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, ended) {
			return ended
		}
	}
	text := err.Error()
	hidden := []string{address}
	if parsed, problem := url.Parse(address); problem == nil && parsed.User != nil {
		if password, ok := parsed.User.Password(); ok && password != "" {
			hidden = append(hidden, password, url.QueryEscape(password), url.PathEscape(password))
		}
	}
	for _, secret := range hidden {
		text = strings.ReplaceAll(text, secret, "***")
	}
	return errors.New(strings.Join(strings.Fields(text), " "))
}
