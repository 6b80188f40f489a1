package main

import (
	"reflect"
	"testing"

	sluice "sluice.dev/sdk/go"
)

func TestFind(t *testing.T) {
	if err := configure(sluice.Value(`{"prefix": "ID"}`)); err != nil {
		t.Fatal(err)
	}
	var got [][2]int
	find([]byte("ID-123455, ID-123456"), func(from, to int) { got = append(got, [2]int{from, to}) })
	if want := [][2]int{{0, 9}}; !reflect.DeepEqual(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
