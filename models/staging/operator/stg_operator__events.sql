{{ statements('operator') }}
