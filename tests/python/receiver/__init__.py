"""Tests of `contact-sync receive`: processes of its own, HTTP on the loopback interface."""
