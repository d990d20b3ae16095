/** A service as small as they come, so that what instruments it weighs most. */
const express = require('express')
const { loop } = require('./loop.cjs')

const app = express()
app.get('/items/:id', (request, response) => response.json({ id: request.params.id, stock: 7 }))
app.get('/loop', (_, response) => response.json(loop()))
app.listen(Number(process.env.PORT), '127.0.0.1')
