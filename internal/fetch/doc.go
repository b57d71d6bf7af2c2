// Package fetch makes HTTP requests to hosts that a project allows, and to no others: the name and the scheme are checked
// before each request and each redirect, the address after the name has been looked up. Bodies, times and redirects are
// bounded, and an error says whether the request may have left. It knows nothing of workflows or of the vendor, and imports
// no other package of this project.
package fetch
