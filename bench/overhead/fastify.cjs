/** As `express.cjs`. */
const fastify = require('fastify')
const { loop } = require('./loop.cjs')

const app = fastify()
app.get('/items/:id', async request => ({ id: request.params.id, stock: 7 }))
app.get('/loop', async () => loop())
app.listen({ port: Number(process.env.PORT), host: '127.0.0.1' })
