// Package sdk carries the SDKs for plugins.
package sdk
