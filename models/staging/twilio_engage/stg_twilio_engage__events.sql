{{ segment_events('twilio_engage') }}
