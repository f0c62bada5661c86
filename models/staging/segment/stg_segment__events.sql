{{ segment_events('segment') }}
